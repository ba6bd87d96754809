#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures vfiod against its peers, and prints a table.

What is compared runs in turn, and a ratio is the median of the ratios of the pairs. Nothing is asserted: the table tells which
goals are met. It needs root, and changes nothing on this machine: constructed trees and the fake kernel are in private
namespaces, and real kernels run in a guest. table.py has the rows.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import report
import rows_guest
import table

HERE = pathlib.Path(__file__).resolve().parent
ROW_TIMEOUT = 1200
PEERS = [["lspci", "--version"], ["busctl", "--version"], ["dbus-daemon", "--version"]]


def version(command):
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    except FileNotFoundError:
        return "not installed"
    return output.partition("\n")[0].strip()


def machine(build):
    """What the figures depend on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", build], stdout=subprocess.PIPE, check=True).stdout)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "processors": f"{len(models)} x {models[0] if models else platform.machine()}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "vfiod": version([f"{build}/client/vfioctl", "--version"]),
        "commit": version(["git", "-C", str(HERE), "describe", "--always", "--dirty"]),
        "build": ", ".join(f"{option['name']}={option['value']}" for option in options
                           if option["name"] in ("buildtype", "b_sanitize", "optimization")),
        **{command[0]: version(command) for command in PEERS},
    }


def run_inside(row, build):
    """Measure a row in namespaces of its own. Return {case: result}."""
    command = [f"{build}/tests/unit/private-processes", "/usr/bin/unshare", "--net", sys.executable, "-B",
               str(HERE / "inside.py"), row.name, build]
    results = {}
    try:
        output = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
                                timeout=ROW_TIMEOUT).stdout
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b"").decode()
        results = {case.name: {"reason": f"not done after {ROW_TIMEOUT} s"} for case in row.cases}
    for line in output.splitlines():
        result = json.loads(line)
        results[result.pop("case")] = result
    return results


def run_in_guest(rows, build):
    """Measure these rows in one guest. Return {case: result}."""
    results = {}
    to_results = report.Report(results.__setitem__)

    def run_all():
        with rows_guest.booted(build) as guest:
            for row in rows:
                to_results.attempt_all([case.name for case in row.cases], rows_guest.ROWS[row.name], guest, to_results)

    to_results.attempt_all([case.name for row in rows for case in row.cases], run_all)
    return results


def measure(rows, build, done):
    """Measure all rows: first those that need no guest. Call done(results) after each."""
    results = {}
    in_guest = [row for row in rows if row.place == "guest"]
    for batch in [*([row] for row in rows if row not in in_guest), in_guest]:
        if not batch:
            continue
        started = time.monotonic()
        print(f"measuring {', '.join(row.name for row in batch)} ...", file=sys.stderr, flush=True)
        results.update(run_in_guest(batch, build) if batch is in_guest else run_inside(batch[0], build))
        print(f"    {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        done(results)
    return results


def write_json(path, facts, rows, results):
    cases = [{"row": row.name, "case": case.name, "what": case.what, "unit": case.unit, "first_edition": case.first,
              "goal": case.goal, "bound": case.bound, "met": table.is_met(case, results),
              **results.get(case.name, {"reason": "the row ended before it"})}
             for row in rows for case in row.cases]
    pathlib.Path(path).write_text(json.dumps({"machine": facts, "cases": cases}, indent=2) + "\n", encoding="utf-8")


def choose(choice):
    if not choice.row:
        return table.ROWS
    for name in choice.row:
        if table.find(name) is None:
            sys.exit(f"no row {name}: " + ", ".join(row.name for row in table.ROWS))
    return [row for row in table.ROWS if row.name in choice.row]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-dir", default="build", help="a build folder of meson, configured with --prefix=/usr")
    parser.add_argument("--row", action="append", help="measure only this row; may be given several times")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--json", default="bench.json", metavar="FILE", help="where the JSON goes (bench.json in the build folder)")
    choice = parser.parse_args()
    if choice.list:
        for row in table.ROWS:
            print(f"{row.name:10} {row.place:6} {'; '.join(case.what for case in row.cases)}")
        return 0
    build = str(pathlib.Path(choice.build_dir).resolve())
    rows = choose(choice)
    facts = machine(build)
    results = measure(rows, build, lambda so_far: write_json(pathlib.Path(build, choice.json), facts, rows, so_far))
    for name, fact in facts.items():
        print(f"{name}: {fact}")
    print()
    print(table.text(rows, results))
    print("\n* measured earlier, on another machine")
    return 0


if __name__ == "__main__":
    sys.exit(main())
