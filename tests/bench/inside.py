#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures a row of the lab or of the fake kernel: inside.py ROW BUILD. bench.py starts it in namespaces of its own.

It prints a line of JSON for each case: {"case", "value", "ours", "peer"} or {"case", "reason"}.
"""

import json
import sys
import traceback

import rows_daemon
import rows_events
import rows_lists
import rows_sim
from lab import Lab, NotMeasured

ROWS = {
    "lists": rows_lists.lists, "groups": rows_lists.groups, "ready": rows_daemon.ready, "memory": rows_daemon.memory,
    "events": rows_events.events, "storm": rows_events.storm, "idle": rows_events.idle,
    "lookups": rows_sim.lookups,
}


class Report:
    """Where a row reports its cases."""

    def __init__(self):
        self.output = sys.stdout
        # What other code prints is no result.
        sys.stdout = sys.stderr

    def value(self, case, value, ours="", peer=""):
        print(json.dumps({"case": case, "value": value, "ours": ours, "peer": peer}), file=self.output, flush=True)

    def missing(self, case, reason):
        print(json.dumps({"case": case, "reason": reason}), file=self.output, flush=True)

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
            for case in cases:
                self.missing(case, f"{type(error).__name__}: {error}".partition("\n")[0])


if __name__ == "__main__":
    ROWS[sys.argv[1]](Lab(sys.argv[2]), Report())
