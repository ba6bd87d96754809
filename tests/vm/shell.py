#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A shell in a guest: shell.py [--build-dir B] [--topology NAME] [-c COMMAND]...

Without -c it is an interactive root shell on this terminal. With -c it shows each command after a prompt, and its
output as it arrives. The commands run one after another in one guest, each in its own bash. Exit status: 0 if all
commands had status 0, else the first status that is not 0.
"""

import os
import select
import shutil
import sys
import termios
import tty

import options
from guest import Guest

PROMPT = "root@guest:~# "
COMMAND_TIMEOUT = 600


def run_commands(guest, commands):
    """Show and run each command; return the first status that is not 0."""
    result = 0
    for command in commands:
        print(f"{PROMPT}{command}", flush=True)
        program = guest.connection.start(["bash", "-c", command], terminal=True, size=window_size())
        status = program.wait(COMMAND_TIMEOUT)
        if status != 0:
            print(f"[status {status}]", flush=True)
        result = result or status
    return result


def window_size():
    """Rows and columns of this terminal, or a default."""
    size = shutil.get_terminal_size((110, 40))
    return size.lines, size.columns


def interact(guest):
    """Connect this terminal to a login shell in the guest until the shell ends."""
    program = guest.connection.start(["bash", "--login"], terminal=True, size=window_size())
    with Raw(sys.stdin.fileno()):
        ended_reader, ended_writer = os.pipe()
        guest.connection.when_ended(program, lambda: os.write(ended_writer, b"."))
        while True:
            readable, _, _ = select.select([sys.stdin.fileno(), ended_reader], [], [])
            if ended_reader in readable:
                break
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                program.write("\x04")
                program.wait()
                break
            program.write(data.decode("utf-8", "surrogateescape"))
    return program.status


class Raw:
    """Puts the terminal into raw mode and restores it. Does nothing if the descriptor is not a terminal."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.saved = termios.tcgetattr(descriptor) if os.isatty(descriptor) else None

    def __enter__(self):
        if self.saved:
            tty.setraw(self.descriptor)

    def __exit__(self, *exception):
        if self.saved:
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self.saved)


def show(program, text):
    """Print what a program in the guest writes."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def main():
    parser = options.add_guest(options.parser("A shell in a guest of vfiod's tests"))
    parser.add_argument("-c", dest="commands", action="append", metavar="COMMAND",
                        help="run this command instead of a shell; may be repeated")
    choice = parser.parse_args()
    with (options.installed(choice, needed=False) as destdir,
          Guest(choice.topology, choice.has_iommu, destdir, kernel_arguments=choice.append) as guest):
        print("booting the guest ...", file=sys.stderr, flush=True)
        guest.boot()
        print(f"booted in {guest.boot_seconds:.0f} s", file=sys.stderr, flush=True)
        guest.connection.listener = show
        return run_commands(guest, choice.commands) if choice.commands else interact(guest)


if __name__ == "__main__":
    sys.exit(main())
