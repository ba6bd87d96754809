#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a fuzz target for 30 seconds: run.py NAME PROGRAM SEEDS RESULTS

SEEDS is a folder with inputs to start with; it may be missing. An input that makes the target fail is written to the
folder RESULTS.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

OPTIONS = ["-timeout=60", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1"]
SECONDS = 30
LINES_SHOWN = 100


def last_number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(program, seeds, results, seconds, seed):
    """The exit code of libFuzzer, and its output. The same seed gives the same inputs; 0 is a random one."""
    options = [*OPTIONS, f"-seed={seed}", f"-max_total_time={seconds}", f"-artifact_prefix={results}/{program.name}-"]
    inputs = sorted(str(path) for path in seeds.glob("*"))
    if inputs:
        options.append("-seed_inputs=" + ",".join(inputs))
    # Targets write small files; many of them, so in memory.
    with tempfile.TemporaryDirectory(prefix="vfiod-fuzz-", dir="/dev/shm") as folder:
        done = subprocess.run(
            [program, *options],
            env=os.environ | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    return done.returncode, done.stdout


def count_runs(output):
    return last_number(r"stat::number_of_executed_units: (\d+)", output)


def main(name, program, seeds, results):
    code, output = fuzz(pathlib.Path(program), pathlib.Path(seeds), results, SECONDS, 1)
    runs = count_runs(output)
    corpus = last_number(r"\bcorp: (\d+)", output)
    good = code == 0 and runs > 0
    print("1..1")
    print(f"{'ok' if good else 'not ok'} 1 - {name}: {runs} runs, corpus of {corpus}")
    if not good:
        print(f"# exit code {code}")
        for line in output.splitlines()[-LINES_SHOWN:]:
            print(f"# {line}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
