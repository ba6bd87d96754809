#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Detaches and reattaches a card in a guest and shows each command with its real output: this is what ./dev demo runs.

The exit status is 0 only if every step did what the demo says.
"""

import os
import re
import shutil
import sys
import textwrap
import time

import byhand
import options
from guest import Guest
from programs import GuestError
from view import REFUSED

PROMPT = "root@host:~# "
EXPLANATION, COMMAND, WARNING, PLAIN = "\033[36m", "\033[1m", "\033[1;31m", "\033[0m"
ESCAPES = re.compile(r"\033\[[0-9;]*m")
SCREEN = shutil.get_terminal_size((110, 40))
COLOURS = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
TIMEOUT = 120


class StepFailed(Exception):
    """A step did not do what the demo says."""


def say(text):
    """Print a line or two of explanation."""
    print(flush=True)
    for line in textwrap.wrap(text, min(SCREEN.columns, 100) - 2):
        print(coloured(EXPLANATION, f"# {line}"), flush=True)


def coloured(colour, text):
    return f"{colour}{text}{PLAIN}" if COLOURS else text


class Stage:
    """A guest with a terminal on which the commands run."""

    def __init__(self, guest):
        self.guest = guest
        self.settings = "" if COLOURS else "export NO_COLOR=1; "

    def type(self, command, shown=True):
        """Show a command after the prompt, start it on a terminal, and show its output as it arrives."""
        print(PROMPT + coloured(COMMAND, command), flush=True)
        self.guest.connection.listener = show if shown else None
        return self.guest.start(self.settings + command, terminal=True, size=(SCREEN.lines, SCREEN.columns))

    def run(self, command, status=0, *needed, answer=None):
        """Run a command to its end. Its exit status must be `status`, and its output must contain each of `needed`."""
        program = self.type(command)
        if answer is not None:
            program.read_until("[y/N] ", TIMEOUT)
            program.write(answer + "\n")
        program.wait(TIMEOUT)
        output = ESCAPES.sub("", program.output).replace("\r", "")
        missing = [text for text in needed if text not in output]
        if program.status != status:
            raise StepFailed(f"status {program.status} instead of {status} from: {command}")
        if missing:
            raise StepFailed(f"not in the output of {command}: {', '.join(missing)}")
        if status != 0:
            print(f"[exit status {status}]", flush=True)
        return output


def show(program, text):
    """Print what a program in the guest writes. On a terminal, a progress line begins with a carriage return."""
    sys.stdout.write(text.replace("\r\n", "\n") if sys.stdout.isatty() else text.replace("\r", ""))
    sys.stdout.flush()


def play(stage):
    """The demo, step by step."""
    guest = stage.guest
    left, right = guest.address("story-left"), guest.address("story-right")
    group = guest.group(left)
    name, other = (guest.check_run(f"ls /sys/bus/pci/devices/{port}/net") for port in (left, right))

    say(f"This machine has a network card with two ports, {name} and {other}. We want to assign it to a virtual machine. "
        "vfiod shows which devices must be assigned together: the IOMMU groups. The call starts vfiod.")
    stage.run("vfioctl groups", 0, name, other)

    say("First the usual recipe from the web: unbind the port from its driver and bind it to vfio-pci.")
    stage.run("modprobe vfio-pci")
    stage.run(f"echo vfio-pci > /sys/bus/pci/devices/{left}/driver_override")
    stage.run(f"echo {left} > /sys/bus/pci/devices/{left}/driver/unbind")
    stage.run(f"echo {left} > /sys/bus/pci/drivers_probe")
    say("QEMU prints a well-known error: somebody forgot the other port.")
    stage.run(byhand.machine_command(byhand.device_arguments(guest, left)), 1, f"group {group} is not viable")
    say("vfiod shows which port was forgotten.")
    stage.run(f"vfioctl show group:{group} | head -n 7", 0, "partial", f"{right}, driver e1000")
    say("Undo this by hand.")
    stage.run(f"echo > /sys/bus/pci/devices/{left}/driver_override")
    stage.run(f"echo {left} > /sys/bus/pci/devices/{left}/driver/unbind")
    stage.run(f"echo {left} > /sys/bus/pci/drivers_probe")
    guest.check_run("udevadm settle")

    say("Now with vfiod. It says which other devices are detached too, and asks. Without a terminal it would refuse.")
    stage.run(f"vfioctl detach {name}", REFUSED, other, "nothing was detached", answer="n")
    say(f"The host may still use a device. Suppose {other} has an address. vfiod finds it, although we named the other "
        "port, and writes nothing.")
    stage.run(f"ip address add 192.0.2.10/24 dev {other} && ip link set {other} up")
    stage.run(f"vfioctl plan {name} --group", REFUSED, f"{other} has the address 192.0.2.10", "Result: refused")
    stage.run(f"vfioctl detach {name} --group", REFUSED, f"{other} has the address 192.0.2.10", "--override=network")
    stage.run(f"ip address flush dev {other} && ip link set {other} down")
    say("With consent, and if the host uses no device of the group, vfiod detaches the group and prints what QEMU needs.")
    output = stage.run(f"vfioctl detach {name} --group", 0, f"{left}: e1000 -> vfio-pci", f"{right}: e1000 -> vfio-pci")
    arguments = re.search(r"^QEMU: (.*)$", output, re.MULTILINE).group(1)
    stage.run(f"ls -l /dev/vfio/{group}")

    say("QEMU starts with exactly these arguments and has both ports. (From the list that its monitor prints, we show "
        "the network cards.)")
    machine = start_machine(stage, arguments)
    say("While the VM runs, nobody can take the card from it: vfiod refuses at once and names the process.")
    started = time.monotonic()
    stage.run(f"vfioctl reattach {name}", REFUSED, "qemu-system-x86")
    if time.monotonic() - started > 20:
        raise StepFailed("the refusal took more than twenty seconds")
    say("The VM ends.")
    print("(qemu) quit", flush=True)
    stage.guest.connection.listener = None
    machine.write("quit\n")
    if machine.wait(TIMEOUT) != 0:
        raise StepFailed(f"QEMU ended with status {machine.status}")

    say("One command restores the drivers and the names. The interface name selects a port even while it is detached.")
    stage.run(f"vfioctl reattach {name}", 0, f"{left}: vfio-pci -> e1000 ({name})",
              f"{right}: vfio-pci -> e1000 ({other})")
    stage.run("vfioctl groups", 0, name, other)
    stage.run("ip -brief link", 0, name, other)


def start_machine(stage, arguments):
    """Start QEMU with its human monitor and let it list the network cards."""
    machine = stage.type(byhand.machine_command(arguments) + " -monitor stdio", shown=False)
    machine.read_until("(qemu) ", TIMEOUT)
    print("(qemu) info pci", flush=True)
    machine.write("info pci\n")
    lines = machine.read_until("(qemu) ", TIMEOUT).replace("\r", "").splitlines()
    cards = [number for number, line in enumerate(lines) if "Ethernet controller: PCI device 8086:100e" in line]
    for number in cards:
        print(lines[number - 1], lines[number], sep="\n", flush=True)
    if len(cards) != 2:
        raise StepFailed("QEMU does not have both ports:\n" + "\n".join(lines))
    return machine


def main():
    parser = options.parser(__doc__)
    choice = parser.parse_args()
    with options.installed(choice) as destdir, Guest("story", destdir=destdir) as guest:
        print("booting a virtual machine with an IOMMU and a two-port network card ...", flush=True)
        guest.boot()
        print(f"booted in {guest.boot_seconds:.0f} s", flush=True)
        try:
            play(Stage(guest))
        except (StepFailed, GuestError) as error:
            print(coloured(WARNING, f"\nthe demo failed: {error}"), flush=True)
            return 1
        finally:
            guest.connection.listener = None
    print(flush=True)
    print("Every step did what the demo said.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
