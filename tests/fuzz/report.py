#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs all fuzz targets of a build, one after the other: report.py BUILD MINUTES

Each target gets the same part of the minutes. For each one, prints the executions, the coverage (edges of the program that
were reached) and the findings. An input that makes a target fail is written to BUILD/tests/fuzz, and ends this target.
Exits with 1 if there are findings.
"""

import pathlib
import sys

import run

FOLDER = pathlib.Path(__file__).resolve().parent


def targets(build):
    """The programs of the sources in this folder: others may be of an older build."""
    for source in sorted(FOLDER.glob("fuzz-*.c")):
        yield build / "tests/fuzz" / source.stem


def main(build, minutes):
    build = pathlib.Path(build)
    programs = list(targets(build))
    seconds = max(1, int(float(minutes) * 60 / len(programs)))
    row = "{:<16}{:>12}{:>16}{:>10}"
    print(f"{len(programs)} targets, {seconds} seconds each")
    print(row.format("target", "executions", "coverage", "findings"), flush=True)
    failed = []
    for program in programs:
        name = program.name.removeprefix("fuzz-")
        code, output = run.fuzz(program, FOLDER / "corpus" / name, build / "tests/fuzz", seconds, 0)
        runs = run.count_runs(output)
        edges = run.last_number(r"\bcov: (\d+)", output), run.last_number(r"\((\d+) inline 8-bit counters\)", output)
        good = code == 0 and runs > 0
        print(row.format(name, runs, f"{edges[0]}/{edges[1]}", 0 if good else 1), flush=True)
        if not good:
            failed.append((name, code, output))
    for name, code, output in failed:
        print(f"\n{name} ended with exit code {code}:")
        print("\n".join(output.splitlines()[-run.LINES_SHOWN :]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
