#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What other tools do: peers.py [--tool NAME] [--use TEXT | --rounds].

For every use of uses.py, and for a guest whose root file system is on the device, it prints whether the tool
detached the device and whether the use still works. With --rounds it shows what the tools do with unused devices:
what they restore, and what happens when a VM holds a device. This is no test of vfiod and nothing here fails. The
column on other tools in docs/PAINS.md comes from it.
"""

import argparse
import sys

import byhand
import uses
from guest import Guest
from programs import GuestError
from qmp import QmpError

TIMEOUT = 40
TOOLS = {
    "virsh": "virsh nodedev-detach pci_{node}",
    "driverctl": "driverctl set-override {address} vfio-pci",
    "dpdk-devbind": "dpdk-devbind.py --bind=vfio-pci {address}",
}
REATTACH = {
    "virsh": "virsh nodedev-reattach pci_{node}",
    "driverctl": "driverctl unset-override {address}",
    "dpdk-devbind": "dpdk-devbind.py --bind=e1000e {address}",
}
FOLDER = "/sys/bus/pci/devices"


def command(commands, tool, address):
    return commands[tool].format(address=address, node=address.replace(":", "_").replace(".", "_"))


def ready(guest, tool):
    guest.check_run("modprobe vfio-pci")
    if tool == "virsh":
        guest.check_run("systemctl start libvirtd", timeout=120)


def take(guest, tool, address, commands=TOOLS):
    """Let the tool detach the device. Returns its exit status and the last line of its output."""
    program = guest.start(f"exec timeout --kill-after=1 {TIMEOUT} {command(commands, tool, address)} < /dev/null")
    try:
        status = program.wait(TIMEOUT + 10)
        status = f"did not return in {TIMEOUT} s" if status in (124, 137) else f"status {status}"
    except GuestError:
        status = f"did not return in {TIMEOUT} s, not even after it was killed"
    return status, program.output.strip().rpartition("\n")[2]


def show_row(guest, used, tool):
    """Print one row of the table: the tool detaches a device that is in use."""
    status, words = take(guest, tool, used.address)
    driver = guest.driver(used.address) or "no driver"
    broken = "" if used.works() else ", the use is broken"
    print(f"{used.use.what:48} {tool:13} {status}, then on {driver}{broken}\n{'':62} {words}", flush=True)


def clean(guest, used):
    """Restore the state before the use. Returns False if the guest cannot be used any more."""
    if used.use.guard == "storage":
        return False  # the state of the kernel's block layer is unknown
    used.end()
    guest.run(f"driverctl unset-override {used.address}")
    try:
        byhand.reattach(guest, used.address)
        return bool(guest.driver(used.address))
    except GuestError:
        return False


def run_uses(tool, wanted):
    guest = None
    for use in [use for use in uses.EVERY if wanted in use.what]:
        if guest is None:
            guest = Guest("used")
            guest.boot()
            ready(guest, tool)
        try:
            used = uses.Used(guest, use)
            used.begin()
            show_row(guest, used, tool)
            usable = clean(guest, used)
        except (GuestError, RuntimeError) as error:
            print(f"{use.what:48} {tool:13} {error}", flush=True)
            usable = False
        if not usable:
            guest.close()
            guest = None
    if guest is not None:
        guest.close()


def run_root(tool):
    """The root file system is on the device: what still works in the guest afterwards?"""
    with Guest("none", root_on_nvme=True) as guest:
        guest.boot()
        ready(guest, tool)
        address = guest.address("root")
        status, words = take(guest, tool, address)
        print(f"{'the root file system':48} {tool:13} {status}\n{'':62} {words}", flush=True)
        for what in ("ls /usr/lib/python3", "systemctl show --property=Version"):
            try:
                result = guest.run(f"{what} > /dev/null", 20)
                result = result[0], result[1].strip().rpartition("\n")[2]
            except GuestError as error:
                result = str(error).splitlines()[0]
            print(f"{'':62} afterwards '{what}': {result}")
        try:
            print(f"{'':62} QEMU says {guest.qmp.execute('query-status')['status']}")
        except QmpError as error:
            print(f"{'':62} {error}")
        console = guest.log.read_text(errors="replace").replace("\r", "").splitlines()[-6:]
        print("\n".join(f"{'':62} console: {line}" for line in console), flush=True)


def reattach(guest, tool, address):
    return take(guest, tool, address, REATTACH)


def binding(guest, address):
    return guest.run(f"cd {FOLDER}/{address}; driver=$(readlink driver);"
                     ' echo "driver ${driver##*/}, override $(<driver_override)"')[1].strip()


def run_rounds(tool):
    """Devices that the host does not use."""
    with Guest("full") as guest:
        def say(what, *words):
            print(f"{what:48} {tool:13} {' | '.join(map(str, words))}", flush=True)

        guest.boot()
        ready(guest, tool)
        nic, left, other = guest.address("nic"), guest.address("story-left"), guest.address("dual-0")
        guest.check_run(f"echo e1000e > {FOLDER}/{nic}/driver_override")
        say("a driver_override of the administrator",
            binding(guest, nic), take(guest, tool, nic), reattach(guest, tool, nic),
            binding(guest, nic))
        guest.check_run(f"echo > {FOLDER}/{nic}/driver_override; echo {nic} > {FOLDER}/{nic}/driver/unbind || true")
        say("a device without a driver", binding(guest, nic), take(guest, tool, nic), reattach(guest, tool, nic),
            binding(guest, nic))
        byhand.reattach(guest, nic)
        guest.check_run("modprobe --remove vfio-pci; echo install vfio-pci /bin/false > /etc/modprobe.d/peers.conf")
        say("vfio-pci cannot be loaded", take(guest, tool, nic), binding(guest, nic))
        guest.check_run("rm /etc/modprobe.d/peers.conf; modprobe vfio-pci")
        byhand.reattach(guest, nic)
        say("one port of two in a group", take(guest, tool, left))
        started, machine = byhand.start_machine(guest, byhand.device_arguments(guest, left))
        say("... then QEMU", "starts" if started else machine.output.strip().partition("vfio ")[2])
        byhand.reattach(guest, left)
        byhand.take(guest, nic)
        say("a device that another program bound to vfio-pci, reattached",
            reattach(guest, tool, nic), binding(guest, nic))
        byhand.reattach(guest, nic)
        say("held by a VM", take(guest, tool, nic))
        holder = guest.hold(nic)
        say("... reattached", reattach(guest, tool, nic))
        say("... meanwhile another device is detached", take(guest, tool, other))
        holder.close_input()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tool", choices=sorted(TOOLS), action="append")
    parser.add_argument("--use", default="", metavar="TEXT", help="test only uses whose description contains TEXT")
    parser.add_argument("--rounds", action="store_true", help="devices that the host does not use")
    choice = parser.parse_args()
    for tool in choice.tool or TOOLS:
        if choice.rounds:
            run_rounds(tool)
            continue
        if choice.use in "the root file system":
            run_root(tool)
        run_uses(tool, choice.use)


if __name__ == "__main__":
    sys.exit(main())
