# SPDX-License-Identifier: GPL-2.0-or-later
"""A reporter for the Test Anything Protocol: one line per check, and the plan at the end.

    tap = Tap()
    tap.check("both ports are in one group", left == right, f"{left} and {right}")
    sys.exit(tap.finish())

Nothing is ever skipped: a check that cannot run has failed.
"""

import sys
import time
import traceback

RUNS_MAX = 3


class LostTimer(BaseException):
    """A guest hangs because QEMU has lost the timer of a processor. No test is to take it for a failure."""


class Tap:
    def __init__(self, output=sys.stdout):
        self.output = output
        self.count = 0
        self.failures = 0
        self.started = time.monotonic()
        self.guests = []
        self.depth = 0

    def watch(self, guest):
        """Show this guest's logs at the end if anything failed."""
        guest.watched = True
        self.guests.append(guest)

    def check(self, name, condition, detail=""):
        """Report one check and return its result; `detail` explains a failure."""
        if not condition and self.depth > 0 and any(guest.log and guest.has_lost_timer() for guest in self.guests):
            raise LostTimer(name)
        self.count += 1
        if not condition:
            self.failures += 1
        self.line(f"{'ok' if condition else 'not ok'} {self.count} - {name}")
        if not condition and str(detail):
            self.note(detail)
        return bool(condition)

    def equal(self, name, found, expected):
        """Check that two values are equal; show both if they are not."""
        return self.check(name, found == expected, f"found:    {found!r}\nexpected: {expected!r}")

    def contains(self, name, text, part):
        """Check that `text` contains `part`; show the text if it does not."""
        return self.check(name, part in text, f"no {part!r} in:\n{text}")

    def lacks(self, name, text, part):
        """Check that `text` does not contain `part`; show the text if it does."""
        return self.check(name, part not in text, f"{part!r} in:\n{text}")

    def run(self, name, callback, *arguments, **properties):
        """Call callback(*arguments, **properties). An exception is one failed check and does not end the program. If QEMU loses the
        timer of a guest that is watched, the outermost call is made again."""
        runs = 1
        while True:
            self.depth += 1
            try:
                return self.run_once(name, callback, *arguments, **properties)
            except LostTimer as error:
                if self.depth > 1:
                    raise
                self.note(f"QEMU lost the timer of the guest in run {runs} of {name}, at: {error}")
                self.guests.clear()
                if runs == RUNS_MAX:
                    self.depth = 0
                    return self.check(name, False, "QEMU lost the timer each time")
            finally:
                self.depth = max(0, self.depth - 1)
            runs += 1

    def run_once(self, name, callback, *arguments, **properties):
        try:
            return callback(*arguments, **properties)
        except Exception:
            self.check(name, False, traceback.format_exc())
            return None

    def note(self, text):
        """Print a diagnostic."""
        for line in str(text).splitlines():
            self.line(f"# {line}")

    def line(self, text):
        print(text, file=self.output, flush=True)

    def finish(self):
        """Print the plan. Returns the exit status: 0 if at least one check ran and all passed."""
        self.line(f"1..{self.count}")
        for guest in self.guests if self.failures else ():
            self.note(guest.evidence())
        self.note(f"{self.count - self.failures} of {self.count} passed"
                  f" in {time.monotonic() - self.started:.0f} s")
        return 0 if self.count and not self.failures else 1
