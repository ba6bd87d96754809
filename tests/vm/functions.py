#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SR-IOV on a real kernel: virtual functions come and go as one transaction.

Those that shall be detached never see the host's driver, as the kernel's own events tell; what a virtual
machine holds is not removed; the host has its setting back whatever happens in the middle.
"""

import json
import sys

import byhand
from machine import ERROR, Host, play
from midway import Pause, await_step
from view import MANAGER, ERROR_REPLY, REFUSED, UNIT, eventually, timed

AT_ONCE = 5
TOTAL = 4
USE = "--override=virtual-functions"


class Machine(Host):
    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.controller = guest.address("sriov")
        self.folder = guest.check_run(f"realpath /sys/bus/pci/devices/{self.controller}")

    def functions(self):
        """The addresses of the virtual functions, as the kernel has them."""
        return self.guest.check_run(f"cd {self.folder}; for link in virtfn*; do [ -L $link ] && "
                                    "basename $(readlink $link); done; true").split()

    def autoprobe(self):
        return self.guest.read(f"{self.folder}/sriov_drivers_autoprobe")

    def drivers(self):
        """The driver of each virtual function; an empty string for none."""
        return [binding[0] for binding in self.bindings(*self.functions())] if self.functions() else []

    def error(self, count, options="0"):
        """The name of the error that SetVirtualFunctions replies with, or None."""
        output = self.guest.run(f"SYSTEMD_LOG_LEVEL=debug busctl call {MANAGER} SetVirtualFunctions 'sua{{sv}}' "
                                f"{self.controller} {count} {options}")[1]
        found = ERROR_REPLY.search(output)
        return found.group(1) if found else None

    def vfs(self, words):
        return self.view.vfioctl(f"vfs {self.controller} {words}")


class Events:
    """The kernel's own events of PCI devices, for the length of a with block."""

    def __init__(self, machine):
        self.program = machine.guest.start("exec udevadm monitor --kernel --property --subsystem-match=pci")
        self.machine = machine

    def __enter__(self):
        self.program.read_until("the kernel uevent\n", 30)
        return self

    def __exit__(self, *exception):
        self.machine.guest.check_run("udevadm settle")
        self.program.stop()

    def binds(self):
        """[(address, driver)] of each bind there was, in their order."""
        found = []
        for block in self.program.output.split("\n\n"):
            properties = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            if properties.get("ACTION") == "bind":
                found.append((properties["PCI_SLOT_NAME"], properties["DRIVER"]))
        return found


def check_detached(machine):
    """Two functions, which go to vfio-pci and never see another driver."""
    tap, view = machine.tap, machine.view
    with Events(machine) as events:
        status, output = machine.vfs("2 --detach --json")
    tap.check("two functions are made and detached", status == 0, output)
    functions = machine.functions()
    tap.equal("they are there", len(functions), 2)
    tap.equal("and on vfio-pci", machine.drivers(), ["vfio-pci"] * 2)
    tap.equal("nvme, whose module is loaded, never had one of them", events.binds(),
              [(function, "vfio-pci") for function in functions])
    tap.equal("the host has its setting back", machine.autoprobe(), "1")
    shown = json.loads(output)["virtual_functions"]
    tap.equal("vfioctl prints them", [function["address"] for function in shown], functions)
    tap.equal("as detached, with their nodes", [(function["state"], function["node"]) for function in shown],
              [("detached", f"/dev/vfio/{machine.guest.group(function)}") for function in functions])
    tap.equal("and lists them again", json.loads(machine.vfs("--json")[1])["virtual_functions"], shown)
    tap.equal("there is a state file for each and no other", view.records(), [f"devices/{function}" for function in functions])
    tap.equal("the controller is the host's", view.state(machine.controller), "host")
    machine.guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("the next daemon knows them", [view.state(function) for function in functions], ["detached"] * 2)


def check_held(machine):
    """A virtual machine has one of the two."""
    tap, guest = machine.tap, machine.guest
    first, second = machine.functions()
    started, nested = byhand.start_machine(guest, byhand.device_arguments(second))
    if not tap.check("QEMU takes the second function", started, nested.output):
        return
    for words in ("4 --detach", f"4 --detach {USE}", f"0 {USE}"):
        status, output, seconds = timed(guest, f"vfioctl vfs {machine.controller} {words}")
        tap.equal(f"vfs {words} is refused while QEMU has it", status, REFUSED)
        tap.contains(f"vfs {words}: it names the process", output, f"process {byhand.machine_pid(guest)} (qemu-system-x86)")
        tap.contains(f"vfs {words}: and the function", output, second)
        tap.check(f"vfs {words}: at once", seconds < AT_ONCE, f"after {seconds} s")
    tap.equal("the error is Held", machine.error(4, "1 override as 1 virtual-functions"), ERROR + "Held")
    tap.equal("both are still there", machine.functions(), [first, second])
    tap.equal("QEMU has not noticed and ends well", byhand.stop_machine(nested), 0)

    with Events(machine) as events:
        status, output = machine.vfs("4 --detach")
    tap.check("without QEMU there are four: vfiod itself detached the two", status == 0, output)
    tap.equal("on vfio-pci", machine.drivers(), ["vfio-pci"] * 4)
    tap.equal("and never elsewhere", {driver for _, driver in events.binds()}, {"vfio-pci"})
    tap.equal("the setting is back", machine.autoprobe(), "1")
    tap.equal("there is a record for each", len(machine.view.records()), 4)
    started, nested = byhand.start_machine(guest, byhand.device_arguments(machine.functions()[3]))
    if tap.check("QEMU takes the fourth", started, nested.output):
        byhand.stop_machine(nested)


def check_refusals(machine):
    """What cannot be."""
    tap, before = machine.tap, machine.functions()
    status, output = machine.vfs(f"{TOTAL + 1} {USE}")
    tap.equal("one more than there can be is refused", status, REFUSED)
    tap.contains("with the number that can be", output, f"can have {TOTAL} virtual functions at most")
    tap.equal("the error is LimitsExceeded", machine.error(TOTAL + 1), ERROR + "LimitsExceeded")
    status, output = machine.view.vfioctl(f"vfs {before[0]} 1")
    tap.equal("a virtual function has none itself", status, REFUSED)
    tap.contains("it names the physical one", output, machine.controller)
    tap.equal("nothing was changed", (machine.functions(), machine.drivers()), (before, ["vfio-pci"] * 4))


def check_gone(machine):
    """All go."""
    tap, view, functions = machine.tap, machine.view, machine.functions()
    status, output = machine.vfs(f"0 {USE}")
    tap.check("all are removed", status == 0, output)
    tap.equal("the kernel has none", machine.functions(), [])
    tap.equal("vfiod knows none", [view.state(function) for function in functions], [None] * 4)
    tap.equal("no record is left", view.records(), [])


def check_host(machine):
    """Without an option the host does with them what it does."""
    tap, guest = machine.tap, machine.guest
    with Events(machine) as events:
        status, output = machine.vfs("2")
        functions = machine.functions()
        # Its probe goes on in the kernel's background, and fails where nobody has given a function what it needs to work.
        expected = {(function, "nvme") for function in functions}
        tap.equal("the host's driver takes them", eventually(lambda: set(events.binds()) & expected, expected, 30), expected)
    tap.check("the call was answered", status == 0, output)
    tap.equal("no record is made", machine.view.records(), [])
    guest.check_run("udevadm settle")
    # Detached one by one, like any device.
    status, output = machine.view.vfioctl(f"detach {functions[0]}")
    tap.check("one is detached by itself", status == 0, output)
    status, output = machine.vfs("0")
    tap.check("then all go: vfiod itself detached that one", status == 0, output)
    tap.equal("and nothing is left", (machine.functions(), machine.view.records()), ([], []))


def check_driverless(machine):
    """They stay without a driver, also when one is loaded later."""
    tap, guest = machine.tap, machine.guest
    status, output = machine.vfs("2 --driverless")
    tap.check("two are made without a driver", status == 0, output)
    for function in machine.functions():
        guest.check_run(f"echo {function} > /sys/bus/pci/drivers_probe")
    tap.equal("no probe finds one", machine.drivers(), ["", ""])
    tap.equal("the setting stays off", machine.autoprobe(), "0")
    status, output = machine.vfs("0")
    tap.check("they go", status == 0, output)
    tap.equal("and the setting is back", (machine.autoprobe(), machine.view.records()), ("1", []))


def check_removed_by_hand(machine):
    """Another hand removes what vfiod detached."""
    tap = machine.tap
    machine.vfs("2 --detach")
    (first, second) = machine.functions()
    machine.guest.check_run(f"echo 0 > {machine.folder}/sriov_numvfs")
    tap.equal("what is gone is forgotten", eventually(machine.view.records, []), [])
    tap.equal("and not known any more", machine.view.state(first), None)


def check_killed(machine, path, action, occurrence=1):
    """Daemon and worker get SIGKILL before a write."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    what = f"killed at {action}"
    with Pause(machine, path, occurrence):
        job = guest.start(f"vfioctl vfs {machine.controller} 3 --detach")
        tap.equal(f"{what}: it is there", await_step(machine, action), [action])
        guest.check_run(f"systemctl kill --kill-whom=all --signal=KILL {UNIT}")
        tap.check(f"{what}: its caller hears of it", job.wait() != 0, job.output)
    tap.equal(f"{what}: the next start settles it", eventually(lambda: view.state(machine.controller), "host", 30), "host")
    eventually(lambda: view.vfioctl("--json jobs")[1].strip(), '{"jobs": []}', 5)
    tap.equal(f"{what}: the setting is back", machine.autoprobe(), "1")
    count = len(machine.functions())
    tap.note(f"{what}: then {count}")
    tap.check(f"{what}: the old number or the new one", count in (0, 3), count)
    tap.equal(f"{what}: a record for each and no other", len(view.records()), count)
    tap.equal(f"{what}: each where it shall be", machine.drivers(), ["vfio-pci"] * count)
    status, output = machine.vfs(f"0 {USE}")
    tap.check(f"{what}: they can go", status == 0, output)
    tap.equal(f"{what}: nothing is left", (machine.functions(), view.records()), ([], []))


def check_kills(machine):
    """SIGKILL to daemon and worker."""
    for path, action, occurrence in ((f"{machine.folder}/sriov_numvfs", "set-vfs", 1),
                                     ("/sys/bus/pci/drivers_probe", "probe", 2),
                                     (f"{machine.folder}/sriov_drivers_autoprobe", "set-autoprobe", 2)):
        machine.tap.run(f"killed at {action}", check_killed, machine, path, action, occurrence)


PARTS = [check_detached, check_held, check_refusals, check_gone, check_host, check_driverless, check_removed_by_hand,
         check_kills]

if __name__ == "__main__":
    sys.exit(play("functions", __doc__, "sriov", PARTS, Machine))
