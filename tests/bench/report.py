# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a row reports its cases."""

import json
import sys
import traceback


class NotMeasured(Exception):
    """The text tells why a case cannot be measured here."""


class Report:
    """Calls add(case, result), where result is {"value", "ours", "peer"}, or {"reason"} of what was not measured, or
    {"never"}: what should happen and does not."""

    def __init__(self, add):
        self.add = add

    def value(self, case, value, ours="", peer=""):
        self.add(case, {"value": value, "ours": ours, "peer": peer})

    def missing(self, case, reason):
        self.add(case, {"reason": reason})

    def never(self, case, text):
        self.add(case, {"never": text})

    def attempt(self, case, measure, *arguments):
        """Report what measure() returns: (value, ours, peer). If it fails, report why."""
        self.attempt_all([case], lambda: self.value(case, *measure(*arguments)))

    def attempt_all(self, cases, measure, *arguments):
        """Call measure(), which reports these cases itself. If it fails, report why."""
        try:
            measure(*arguments)
        except NotMeasured as error:
            for case in cases:
                self.missing(case, str(error))
        except Exception as error:
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            for case in cases:
                self.missing(case, reason if len(reason) < 90 else reason[:89] + "…")


def printer():
    """A Report that prints a line of JSON for each case. What other code prints goes to stderr from now on."""
    output, sys.stdout = sys.stdout, sys.stderr
    return Report(lambda case, result: print(json.dumps({"case": case, **result}), file=output, flush=True))
