#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures a row of the lab or of the fake kernel: inside.py ROW BUILD. bench.py starts it in namespaces of its own.

It prints a line of JSON for each case, see report.py.
"""

import sys

import report
import rows_daemon
import rows_events
import rows_lists
import rows_sim
import rows_survey
from lab import Lab

ROWS = {
    "lists": rows_lists.lists, "groups": rows_lists.groups, "ready": rows_daemon.ready, "memory": rows_daemon.memory,
    "events": rows_events.events, "storm": rows_events.storm, "idle": rows_events.idle,
    "survey": rows_survey.survey, "lookups": rows_sim.lookups,
}

if __name__ == "__main__":
    ROWS[sys.argv[1]](Lab(sys.argv[2]), report.printer())
