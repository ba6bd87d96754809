#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints what failed: show-failures.py LOG ... LOG is a testlog.json of meson; one that does not exist is omitted.

For each program that failed: the lines of its failed tests, each with the comments above it, and the end of its output.
"""

import json
import pathlib
import sys

COMMENTS_MAX = 12
TAIL_MAX = 25
LINE_MAX = 400


def failed_lines(lines):
    """The lines "not ok" with the lines before them, up to the test before."""
    shown, since = [], 0
    for number, line in enumerate(lines):
        if line.startswith("not ok"):
            shown += lines[max(since, number - COMMENTS_MAX):number + 1]
        if line.startswith(("ok", "not ok")):
            since = number + 1
    return shown


def show(result):
    output = (result.get("stdout") or "").splitlines()
    errors = (result.get("stderr") or "").splitlines()
    print(f"== {result['name']}: {result['result']} after {result['duration']:.0f} s, exit status {result['returncode']}")
    for line in failed_lines(output) + ["-- the end of its output"] + output[-TAIL_MAX:] + errors[-TAIL_MAX:]:
        print("   ", line[:LINE_MAX])


def main():
    for log in map(pathlib.Path, sys.argv[1:]):
        for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
            result = json.loads(line)
            if result["result"] not in ("OK", "EXPECTEDFAIL"):
                show(result)


if __name__ == "__main__":
    main()
