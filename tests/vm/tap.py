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


class Tap:
    def __init__(self, output=sys.stdout):
        self.output = output
        self.count = 0
        self.failures = 0
        self.started = time.monotonic()
        self.guests = []

    def watch(self, guest):
        """Show this guest's logs at the end if anything failed."""
        guest.watched = True
        self.guests.append(guest)

    def check(self, name, condition, detail=""):
        """Report one check and return its result; `detail` explains a failure."""
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
        """Call callback(*arguments, **properties). An exception is one failed check and does not end the program."""
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
