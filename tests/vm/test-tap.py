#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reporter of the guests does with a guest whose timer QEMU has lost."""

import io
import sys

from tap import Tap


class FakeGuest:
    log = "a file"

    def __init__(self, is_lost):
        self.is_lost = is_lost

    def has_lost_timer(self):
        return self.is_lost

    def evidence(self):
        return ""


def play(losses, passes=True):
    """Run a program whose guests lose their timers. Return the exit status, the number of runs, and the failed checks."""
    output = io.StringIO()
    tap, runs = Tap(output), []

    def inner(is_lost):
        if is_lost:
            raise RuntimeError("no answer")
        tap.check("inner", passes)

    def outer():
        guest = FakeGuest(losses[len(runs)])
        runs.append(guest)
        tap.watch(guest)
        tap.check("first", True)
        tap.run("inner", inner, guest.is_lost)
        tap.check("last", not guest.is_lost)

    tap.run("whole", outer)
    return tap.finish(), len(runs), [line.split(" - ")[1] for line in output.getvalue().splitlines() if line.startswith("not ok")]


def main():
    tap = Tap()
    tap.equal("a guest with its timer runs once", play([False]), (0, 1, []))
    tap.equal("a lost timer is no failure: the program runs again", play([True, False]), (0, 2, []))
    tap.equal("it runs at most three times", play([True] * 3), (1, 3, ["whole"]))
    tap.equal("a failed check does not run again", play([False], False), (1, 1, ["inner"]))
    tap.equal("a failed check of the second run is a failure", play([True, False], False), (1, 2, ["inner"]))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
