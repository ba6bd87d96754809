#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""recording.py, which records the demo, writes casts that asciinema understands, with the real output and times. The demo itself is
recorded by ./dev recording."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from shared import ROOT, Tap

import recording  # in tests/vm, which shared adds to the path

RECORDER = ROOT / "tests/vm/recording.py"
SHORT = 0.25
# Two parts of a character, a pause, the size of the terminal, and whether it is one.
PROGRAM = """
import os, sys, time
os.write(1, b"\\xe2\\x94")
os.write(1, b"\\x9c first\\n")
time.sleep(1)
size = os.get_terminal_size()
print(f"\\033[1msecond\\033[0m {size.columns}x{size.lines} {os.isatty(0)} {os.environ['TERM']} {os.environ.get('NO_COLOR')}", end="")
"""
SHOWN = "├ first\r\n\033[1msecond\033[0m 110x40 True xterm-256color None"


def record(output, *words, **environment):
    done = subprocess.run([sys.executable, "-B", RECORDER, "--output", output, *map(str, words)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, env=os.environ | environment, timeout=60)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def check_cast(tap, folder):
    output = pathlib.Path(folder, "demo.cast")
    done = record(output, "--idle", SHORT, "--title", "a title", sys.executable, "-c", PROGRAM, NO_COLOR="1", COLUMNS="7")
    tap.equal("the recording ends well", (done.returncode, done.stderr), (0, ""))
    tap.equal("the output is shown meanwhile", done.stdout, SHOWN)
    lines = output.read_text(encoding="utf-8").splitlines()
    header, events = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
    tap.equal("the first line has the facts", header,
              {"version": 2, "width": 110, "height": 40, "title": "a title", "env": {"TERM": "xterm-256color"}})
    tap.check("each other line is a time, \"o\" and a text", all([type(part) for part in event] == [float, str, str] and event[1] == "o"
                                                                 for event in events), lines)
    tap.equal("the texts are what the terminal got", "".join(event[2] for event in events), SHOWN)
    times = [event[0] for event in events]
    tap.check("the times begin with 0 and never go back", times[0] == 0 and times == sorted(times), times)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    tap.check("no pause is longer than allowed", max(gaps, default=0) <= SHORT + 0.001, gaps)
    # asciinema needs a terminal, too.
    played = record(os.path.join(folder, "played.cast"), "asciinema", "cat", output, HOME=folder, ASCIINEMA_CONFIG_HOME=f"{folder}/settings")
    tap.equal("asciinema shows the same", (played.returncode, played.stdout), (0, SHOWN))
    real = pathlib.Path(folder, "real.cast")
    started = time.monotonic()
    record(real, sys.executable, "-c", PROGRAM)
    last = json.loads(real.read_text(encoding="utf-8").splitlines()[-1])
    tap.check("the times are not longer than the recording took", last[0] <= time.monotonic() - started, last)


def check_times(tap):
    """With times that do not depend on this machine."""
    cast = recording.Cast("a title", 2.0)
    for now, data in [(10.0, b"a"), (10.5, b"\xe2\x94"), (11.5, b"\x9c"), (20.0, b"b"), (21.0, b"\xe2")]:
        cast.add(now, data)
    cast.add(21.5, b"", final=True)
    events = [tuple(json.loads(line)) for line in cast.text().splitlines()[1:]]
    tap.equal("short pauses have their real times, and long ones are shortened", events,
              [(0.0, "o", "a"), (1.5, "o", "├"), (3.5, "o", "b"), (5.0, "o", "\N{REPLACEMENT CHARACTER}")])


def check_failures(tap, folder):
    output = pathlib.Path(folder, "failed.cast")
    output.write_text("old", encoding="utf-8")
    done = record(output, sys.executable, "-c", "print('broken'); raise SystemExit(3)")
    tap.equal("the exit status of a command that fails", done.returncode, 3)
    tap.contains("a command that fails is shown", done.stdout, "broken")
    tap.equal("it leaves the old file", (output.read_text(encoding="utf-8"), sorted(os.listdir(folder))),
              ("old", ["demo.cast", "failed.cast", "played.cast", "real.cast", "settings"]))
    done = record(output, "/nonexistent")
    tap.check("a command that does not exist fails", done.returncode == 127 and "No such file" in done.stdout, done.stdout)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        check_times(tap)
        check_cast(tap, folder)
        check_failures(tap, folder)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
