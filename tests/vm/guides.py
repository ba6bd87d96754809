#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs every command of the guides in a guest, from their text, and compares each output with the one that the guide shows.

The commands of a guide run one after another: those of root in one shell, those of the ordinary user, alice, in a login shell of
hers. markdown_text.py has the form of the blocks. At the end of each guide, all devices must be as before. Blocks
that cannot be run here are counted, with their reasons. guides.py NAME... runs only these guides. --record writes the real output into the guides,
where it is different: look at each change.

If QEMU emulates the guest, "-accel kvm" runs as "-accel tcg", and a domain of the type "kvm" as one of the type "qemu": a KVM on an
emulated AMD-V would add nothing to the test.
"""

import contextlib
import os
import pathlib
import re
import shlex
import sys
import time
import traceback

import options

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "docs"))

import host  # noqa: E402
import markdown_text  # noqa: E402
from guest import BOOTS_MAX, Guest  # noqa: E402
from programs import GuestTimeout  # noqa: E402
from tap import Tap  # noqa: E402
from view import eventually  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guides"
COMMAND_SECONDS = 180
USER = "alice"
KVM = [("-accel kvm", "-accel tcg"), ("type='kvm'", "type='qemu'")]
# What must be the same after a guide, beside the devices.
LEFT = ("vfioctl export; vfioctl leases; vfioctl jobs; vfioctl status | grep -i revert; ls /etc/vfiod/rules.d /run/vfiod/devices "
        "/etc/polkit-1/rules.d /etc/security/limits.d /etc/driverctl.d; pgrep --list-name qemu; pgrep --list-name vfioctl; virsh list --all --name 2>/dev/null | grep .")


class Shell:
    """A shell of a user in the guest, which keeps its variables and its folder."""

    def __init__(self, guest, user, folder):
        self.end = f"end-of-command-{os.getpid()}"
        words = f"cd {folder} && exec bash --norc" if user == "root" else f"exec su - {USER}"
        self.program = guest.start(words)
        self.program.write("export LANG=C.UTF-8\n")

    def run(self, command):
        """(status, output) of a command."""
        self.program.write(f"eval {shlex.quote(command)} </dev/null; echo \"{self.end} $?\"\n")
        output = self.program.read_until(self.end, COMMAND_SECONDS).removesuffix(self.end)
        return int(self.program.read_line()), output

    def close(self):
        """End the shell, also if its last command still runs."""
        self.program.close_input()
        with contextlib.suppress(GuestTimeout):
            self.program.wait(5)
            return
        self.program.signal(9)


# What differs from run to run, as it is written into a guide.
VARIABLE = [(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", "..."), (r"dma_map\([^)]*\)", "dma_map(...)"),
            (r"(?<![0-9:])[0-9]{2}:[0-9]{2}:[0-9]{2}(?![0-9:.])", "..."),
            (r"(process [0-9]+ \([a-z0-9-]+\)) of [^ :]*\.(?:service|scope)", r"\1..."), (r"^bash: line [0-9]+: ", "bash: ..."),
            (r"(qemu-system-x86) \([0-9]+\) *", r"\1 ..."), (r"(process|pid) [0-9]+", r"\1 ..."), (r"\b[0-9a-f]{16}\b", "...")]


# Commands that change nothing.
READS = re.compile(r"(grep|ls|cat|blkid|lspci|readlink|find|ip -brief link show|virsh (nodedev-list|nodedev-dumpxml|dumpxml)|dpdk-devbind.py --status"
                   r"|vfioctl (list|show|groups|log|leases|status|jobs|plan|explain|doctor|rule (list|show)))\b[^>]*$")
BACKGROUND = re.compile(r"& \w+=\$!$")
# udev reads a new file system, and has the disk open for a moment.
FORMATS = re.compile(r"\bmkfs\.")
PATIENCE_S = 30


def general(line):
    """A line of output as a guide shows it. A line that looks like a command becomes a wild card."""
    if line[:2] in markdown_text.USERS:
        return markdown_text.ANYTHING
    for pattern, words in VARIABLE:
        line = re.sub(pattern, words, line)
    return line.rstrip()


def record(path, changes):
    """Write the outputs of some steps into a guide: changes is a list of (Step, status, output)."""
    lines = path.read_text().splitlines()
    for step, status, output in reversed(changes):
        lines[step.first - 1:step.last] = [general(line) for line in output.rstrip().splitlines()]
        if status != step.status:
            line = markdown_text.STATUS.sub("", lines[step.first - 2]).rstrip()
            lines[step.first - 2] = f"{line}  # status {status}"
    path.write_text("\n".join(lines) + "\n")


class Runner:
    """Runs the guides in a guest. `counts` gets the number of commands of each guide."""

    def __init__(self, tap, guest, is_recording, counts):
        self.tap = tap
        self.guest = guest
        self.is_recording = is_recording
        self.addresses = guest.check_run("ls /sys/bus/pci/devices").split()
        self.counts = counts
        self.has_kvm = os.environ.get("VFIOD_ACCELERATOR", "").startswith("kvm")

    def state(self):
        """What a guide must leave as it was."""
        return host.snapshot(self.guest, *self.addresses), self.guest.run(LEFT)[1]

    def emulated(self, text):
        """A command or a file, as this guest can run it."""
        for old, new in () if self.has_kvm else KVM:
            text = text.replace(old, new)
        return text

    def run_guide(self, path):
        """Run all commands of a guide."""
        tap, guest = self.tap, self.guest
        blocks, _ = markdown_text.split(path)
        works = [work for block in blocks if block.reason is None
                 for work in [block, *(markdown_text.steps(block) if block.language == "console" else [])]]
        before, started, changes = self.state(), time.monotonic(), []
        folder = guest.check_run("mktemp --directory")
        shells, count = {}, 0
        for step in works:
            if isinstance(step, markdown_text.Block):
                if step.file:
                    self.write(step, folder)
                elif step.is_new_login and "user" in shells:
                    shells.pop("user").close()
                continue
            count += 1
            if step.user not in shells:
                shells[step.user] = Shell(guest, step.user, folder)
            status, output, is_right = self.run_step(shells[step.user], step)
            shown = "\n".join(step.expected)
            tap.check(f"{path.name}:{step.line}: {step.command.splitlines()[0]}", is_right,
                      f"status {status}, expected {step.status}\n--- output:\n{output}--- expected:\n{shown}")
            if not is_right:
                changes.append((step, status, output))
        for shell in shells.values():
            shell.close()
        guest.check_run(f"rm -r {folder} && udevadm settle")
        tap.equal(f"{path.name}: everything is as before", eventually(self.state, before), before)
        tap.note(f"{path.name}: {count} commands in {time.monotonic() - started:.0f} s")
        self.counts[path.name] = count
        if self.is_recording:
            record(path, changes)

    def run_step(self, shell, step):
        """Run a command. Returns its status and output, and whether they are those of the guide. A command that only reads is run
        again until they are: somebody who types has given the host more time."""
        begin = time.monotonic()
        while True:
            status, output = shell.run(self.emulated(step.command))
            if step.command.startswith("until "):
                # What a loop says before what it waits for is there.
                output = "".join(line for line in output.splitlines(True) if not line.startswith("vfioctl: "))
            elif BACKGROUND.search(step.command):
                # The process has its name when it has opened its files.
                shell.run('until [ "$(cat /proc/$!/comm 2>/dev/null)" != bash ]; do :; done')
            elif FORMATS.search(step.command):
                self.guest.check_run("udevadm settle")
            is_right = status == step.status and markdown_text.matches(step.expected, output)
            if is_right or self.is_recording or not READS.match(step.command) or time.monotonic() > begin + PATIENCE_S:
                return status, output, is_right

    def write(self, block, folder):
        """Write a file of a guide."""
        text = self.emulated("\n".join([*block.lines, ""]))
        self.guest.check_run(f"cd {folder} && printf %s {shlex.quote(text)} > {shlex.quote(block.file)}")
        self.tap.check(f"{block.path.name}:{block.line}: the file {block.file} is written", True)


def run_in_guest(tap, guest, paths, is_recording, counts):
    """Boot a guest and run guides in it. Remove those from `paths` that ended, also with failures. A guest that QEMU made hang has not
    ended its guide: nothing else is tried again."""
    tap.watch(guest)
    guest.boot()
    tap.note(f"booted in {guest.boot_seconds:.0f} s")
    runner = Runner(tap, guest, is_recording, counts)
    while paths:
        try:
            runner.run_guide(paths[0])
        except Exception:
            if guest.has_lost_timer():
                tap.note(f"{paths[0].name}: QEMU has lost the timer of a processor, and the guest hangs")
                return
            tap.check(paths[0].name, False, traceback.format_exc())
        paths.pop(0)


def report(tap, paths, counts):
    """Print the number of commands of each guide, and what was not run."""
    for path in paths:
        tap.note(f"{counts.get(path.name, 0):4} commands executed: {path.name}")
        for block in markdown_text.split(path)[0]:
            if block.reason is not None:
                tap.note(f"     not run: {path.name}:{block.line} ({block.language}): {block.reason}")
    tap.note(f"{sum(counts.values())} commands of {len(counts)} guides executed")


def main():
    # It has a network card with virtual functions.
    os.environ.setdefault("VFIOD_SYSTEM", "trixie")
    os.environ.setdefault("VFIOD_KERNEL", "backports")
    parser = options.parser(__doc__)
    parser.add_argument("--record", action="store_true", help="write the real outputs into the guides")
    parser.add_argument("guides", nargs="*", metavar="NAME", help="names of guides, without .md")
    choice = parser.parse_args()
    paths = [path for path in sorted(FOLDER.glob("*.md")) if not choice.guides or path.stem in choice.guides]
    tap = Tap()
    remaining, counts = list(paths), {}
    with options.installed(choice) as destdir:
        for _ in range(BOOTS_MAX):
            if remaining:
                with Guest("guides", destdir=destdir, memory=3072) as guest:
                    run_in_guest(tap, guest, remaining, choice.record, counts)
    report(tap, paths, counts)
    tap.check("each guide was run to its end", paths and len(counts) == len(paths), remaining)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
