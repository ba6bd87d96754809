#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the page in Cockpit: in a headless Chromium, with cockpit-ws, cockpit-bridge and vfiod on the fake kernel.

It runs itself again in private namespaces, and changes nothing on this machine. The screenshots are in tests/browser/pictures of the
build folder.
"""

import argparse
import gzip
import pathlib
import shutil
import subprocess
import sys
import time

import actions  # noqa: F401
import bad_days  # noqa: F401
import false_answers  # noqa: F401
import foreign_views  # noqa: F401
import languages  # noqa: F401
import late_answer  # noqa: F401
import latency
import lease_views  # noqa: F401
import no_iommu
import nothing_polls  # noqa: F401
import past  # noqa: F401
import people  # noqa: F401
import picture
import rule_views  # noqa: F401
import vf_views  # noqa: F401
import views  # noqa: F401
import word_views  # noqa: F401
from chromium import BrowserError
from place import picture_folder, place, story
from suite import TESTS
from tap import Tap

BYTES_MAX = 600000
NO_IOMMU_TESTS = [no_iommu.no_iommu, no_iommu.empty_views]


def many_rows(tap, here):
    picture.many_rows(tap, here, latency.FUNCTIONS - latency.REMOVED)


def size(tap, build):
    # A browser loads one of the languages, and no licenses.
    compressed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in (build / "cockpit").iterdir()
                     if path.is_file() and path.name != "licenses.txt")
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
    if not choice.tests:
        # Each picture is of this run.
        shutil.rmtree(picture_folder(build), ignore_errors=True)
    chosen = [one for one in TESTS if not choice.tests or one.__name__ in choice.tests]
    if chosen:
        with place(build, story()) as here:
            for function in chosen:
                run_test(tap, here, function)
    if not choice.tests or "many_functions" in choice.tests:
        with place(build, latency.topology()) as here:
            run_test(tap, here, latency.many_functions)
            run_test(tap, here, many_rows)
    chosen = [one for one in NO_IOMMU_TESTS if not choice.tests or one.__name__ in choice.tests]
    if chosen:
        with place(build, story("no-iommu")) as here:
            for function in chosen:
                run_test(tap, here, function)
    tap.note(f"the screenshots are in {picture_folder(build)}")
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
