#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: times commands in turn.

    commands.py ROUNDS COMMAND...     each COMMAND is a JSON list of commands that belong together, [["ls", "-l"], ["true"]]

It prints a line of JSON a round: the microseconds of each COMMAND.
"""

import json
import subprocess
import sys
import time


def timed(commands):
    started = time.monotonic_ns()
    for command in commands:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.monotonic_ns() - started) // 1000


if __name__ == "__main__":
    choices = [json.loads(text) for text in sys.argv[2:]]
    for number in range(int(sys.argv[1]) + 1):
        took = [timed(commands) for commands in choices]
        if number > 0:  # the first round fills caches
            print(json.dumps(took), flush=True)
