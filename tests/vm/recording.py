#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command on a terminal of its own, and records what it shows, as a cast of asciinema (version 2).

recording.py --output FILE [--idle SECONDS] [--title TEXT] COMMAND [ARGUMENT ...]

The times are the real ones, but no pause is longer than --idle. If the command fails, no file is written, and the exit status is that
of the command. What the command shows is also shown here.
"""

import argparse
import codecs
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

WIDTH, HEIGHT = 110, 40
TERMINAL = "xterm-256color"


class Cast:
    """The lines of a cast. Pauses are shortened."""

    def __init__(self, title, idle_max):
        self.lines = [json.dumps({"version": 2, "width": WIDTH, "height": HEIGHT, "title": title, "env": {"TERM": TERMINAL}})]
        self.idle_max = idle_max
        self.before = None
        self.time = 0.0
        # A character can be split between two reads.
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, now, data, final=False):
        """Adds what the terminal got at a time, in seconds."""
        text = self.decoder.decode(data, final)
        if not text:
            return
        if self.before is not None:
            self.time += min(now - self.before, self.idle_max)
        self.before = now
        self.lines.append(json.dumps([round(self.time, 6), "o", text], ensure_ascii=False))

    def text(self):
        return "\n".join(self.lines) + "\n"


def start(command):
    """Start a command on a new terminal. Returns its process id and our side of the terminal."""
    process, terminal = pty.fork()
    if process == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
            environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
            os.execvpe(command[0], command, environment | {"TERM": TERMINAL})
        except OSError as error:
            print(f"recording.py: {command[0]}: {error.strerror}", flush=True)
        finally:
            os._exit(127)
    return process, terminal


def record(cast, process, terminal):
    """Record until the command has ended. Returns its exit status."""
    while True:
        select.select([terminal], [], [])
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: the last process has closed the terminal
            break
        if not data:
            break
        cast.add(time.monotonic(), data)
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    cast.add(time.monotonic(), b"", final=True)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, metavar="FILE")
    parser.add_argument("--idle", type=float, default=2.0, metavar="SECONDS", help="longest pause (default: 2)")
    parser.add_argument("--title", default="vfiod", metavar="TEXT")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    choice = parser.parse_args()
    if not choice.command:
        parser.error("which command?")
    cast = Cast(choice.title, choice.idle)
    status = record(cast, *start(choice.command))
    if status != 0:
        print(f"recording.py: {choice.command[0]} failed, nothing was recorded", file=sys.stderr)
        return status if status > 0 else 128 - status
    with open(choice.output + ".new", "w", encoding="utf-8") as file:
        file.write(cast.text())
    os.replace(choice.output + ".new", choice.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
