#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Adds up test results: count-results.py LOG PASSED FAILED SKIPPED prints the new sums. LOG is a testlog.json of meson.

Each result line of a TAP program counts as one test. A program without such lines counts as one test, by its exit
status.
"""

import json
import pathlib
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b[^#\n]*(?:#[ \t]*(\w+))?", re.MULTILINE)


def count(result):
    """The numbers of passed, failed and skipped tests of one program."""
    sums = {"passed": 0, "failed": 0, "skipped": 0}
    for failed, directive in TAP_LINE.findall(result.get("stdout") or ""):
        if directive.upper() == "SKIP":
            sums["skipped"] += 1
        else:
            sums["failed" if failed else "passed"] += 1
    good = result["result"] == "OK"
    if result["result"] == "SKIP" and not sums["skipped"]:
        sums["skipped"] = 1
    elif not good and not sums["failed"] and not sums["skipped"]:
        sums["failed"] = 1
    elif good and not sum(sums.values()):
        sums["passed"] = 1
    return sums


def main():
    log, *before = sys.argv[1:]
    totals = [int(number) for number in before]
    for line in pathlib.Path(log).read_text(encoding="utf-8").splitlines():
        for index, number in enumerate(count(json.loads(line)).values()):
            totals[index] += number
    print(*totals)


if __name__ == "__main__":
    main()
