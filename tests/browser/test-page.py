#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the page in Cockpit: in a headless Chromium, with cockpit-ws, cockpit-bridge and vfiod on the fake kernel.

It runs itself again in private namespaces, and changes nothing on this machine. The screenshots are in tests/browser/pictures of the
build folder.
"""

import argparse
import gzip
import pathlib
import subprocess
import sys
import time

import actions  # noqa: F401
import foreign_views  # noqa: F401
import languages  # noqa: F401
import lease_views  # noqa: F401
import past  # noqa: F401
import people  # noqa: F401
import picture
import rule_views  # noqa: F401
import vf_views  # noqa: F401
import views  # noqa: F401
from chromium import BrowserError
from place import card, place, story
from suite import TESTS
from tap import Tap

FUNCTIONS = 1000
BYTES_MAX = 600000
FIRST_PAINT_S, UPDATE_S = 5, 2


def many_functions(tap, here):
    paints = []
    # The shortest of several, because other load on the machine can only make them longer.
    for _ in range(3):
        page = here.open_raw()
        page.until("document.querySelectorAll('[data-address]').length > 0")
        paints.append(page.evaluate("performance.now()") / 1000)
    paint = min(paints)
    tap.note(f"{FUNCTIONS} functions: the first cards are there after {paint:.2f} s; {[round(one, 2) for one in paints]}")
    tap.check(f"the first cards are there within {FIRST_PAINT_S} s", paint < FIRST_PAINT_S, paints)
    page.until("document.querySelector('[data-phase=ready]')")
    page.until_text(f"{FUNCTIONS} of {FUNCTIONS} functions")
    page.click_text(f"Show all {FUNCTIONS} devices")
    page.until(f"document.querySelectorAll('[data-address]').length === {FUNCTIONS}")
    last = f"0001:{(FUNCTIONS - 1) // 32:02x}:{(FUNCTIONS - 1) % 32:02x}.0"
    started = time.monotonic()
    here.sim.kernel(f"unplug {last}")
    page.until("!" + card(last))
    update = time.monotonic() - started
    tap.note(f"{FUNCTIONS} cards: an unplugged card is gone after {update:.2f} s")
    tap.check(f"a change is shown within {UPDATE_S} s", update < UPDATE_S, update)


def many_rows(tap, here):
    picture.many_rows(tap, here, FUNCTIONS)


def size(tap, build):
    compressed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in (build / "cockpit").glob("index.*"))
    tap.note(f"the page has {compressed} bytes, compressed")
    tap.check(f"the page has at most {BYTES_MAX} bytes, compressed", 0 < compressed < BYTES_MAX, compressed)


def run_test(tap, here, function):
    before = time.monotonic()
    failures = tap.failures
    tap.run(function.__name__, function, tap, here)
    if tap.failures > failures:
        for number, page in enumerate(here.pages):
            try:
                here.picture(page, f"failed-{function.__name__}-{number}")
            except BrowserError as error:
                tap.note(error)
        tap.run("restore", here.restore)
    complaints = here.close_pages()
    tap.equal(f"{function.__name__}: the console is empty", complaints, [])
    tap.note(f"{function.__name__}: {time.monotonic() - before:.1f} s")


def run_inside(choice):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    tap = Tap()
    build = pathlib.Path(choice.build_dir).resolve()
    size(tap, build)
    chosen = [one for one in TESTS if not choice.tests or one.__name__ in choice.tests]
    if chosen:
        with place(build, story()) as here:
            for function in chosen:
                run_test(tap, here, function)
    if not choice.tests or "many_functions" in choice.tests:
        topology = ["driver e1000e module=e1000e ids=8086:10d3", "driver vfio-pci module=vfio_pci ids= loaded=0"]
        topology += [f"device 0001:{number // 32:02x}:{number % 32:02x}.0 vendor=8086 device=10d3 class=020000 subsystem=8086:0000 "
                     f"group={100 + number} reset=flr,pm driver=e1000e" for number in range(FUNCTIONS)]
        with place(build, "\n".join([*topology, ""])) as here:
            run_test(tap, here, many_functions)
            run_test(tap, here, many_rows)
    return tap.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build-dir", default="build", help="a build folder of meson")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("tests", nargs="*", help="names of tests; all if there are none")
    choice = parser.parse_args()
    if choice.inside:
        return run_inside(choice)
    build = pathlib.Path(choice.build_dir).resolve()
    return subprocess.run([build / "tests/unit/private-processes", "/usr/bin/unshare", "--net", sys.executable, "-B", __file__, "--inside",
                           "--build-dir", build, *choice.tests], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
