#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SR-IOV on a real kernel: vfiod creates and removes VFs in one transaction.

The kernel's own events show that the host's driver never binds a VF that is created detached. vfiod does not remove
a VF that a VM holds. vfiod restores the host's autoprobe setting whatever interrupts the job.
"""

import json
import sys

import byhand
import host
from machine import ERROR, Host, play
from midway import Pause, await_step
from view import MANAGER, ERROR_REPLY, REFUSED, UNIT, WORKER, eventually, timed
from watch import await_events

AT_ONCE = 20
# {topology: (the driver of its VFs, how many it can have)}. The id of the device is the name of the topology.
KINDS = {"sriov": ("nvme", 4), "igb": ("igbvf", 7)}
TOPOLOGIES = {"bookworm": "sriov", "trixie": "igb"}  # QEMU 7 has no igb
USE = "--override=virtual-functions"


class Machine(Host):
    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.controller = guest.address(guest.topology_name)
        self.host_driver, self.total = KINDS[guest.topology_name]
        guest.check_run(f"modprobe {self.host_driver}")
        self.folder = guest.check_run(f"realpath /sys/bus/pci/devices/{self.controller}")

    def vf_addresses(self):
        """The addresses of the VFs in the order of their index, from sysfs."""
        return self.guest.check_run(f"cd {self.folder}; for link in virtfn*; do [ -L $link ] && "
                                    "basename $(readlink $link); done; true").split()

    def autoprobe(self):
        return self.guest.read(f"{self.folder}/sriov_drivers_autoprobe")

    def drivers(self):
        """The driver of each VF; an empty string if it has none."""
        return [binding[0] for binding in self.bindings(*self.vf_addresses())] if self.vf_addresses() else []

    def error(self, count, options="0"):
        """The name of the error that SetVirtualFunctions replies with, or None."""
        output = self.guest.run(f"SYSTEMD_LOG_LEVEL=debug busctl call {MANAGER} SetVirtualFunctions 'sua{{sv}}' "
                                f"{self.controller} {count} {options}")[1]
        found = ERROR_REPLY.search(output)
        return found.group(1) if found else None

    def run_vfs(self, words):
        return self.view.vfioctl(f"vfs {self.controller} {words}")


class Events:
    """Records the kernel's own events of PCI devices during a with block."""

    def __init__(self, machine):
        self.program = machine.guest.start("exec udevadm monitor --kernel --property --subsystem-match=pci")
        self.machine = machine

    def __enter__(self):
        self.program.read_until("the kernel uevent\n")
        return self

    def __exit__(self, *exception):
        self.machine.guest.check_run("udevadm settle")
        await_events(self.machine.guest, self.program, self.machine.folder, ["KERNEL"])
        self.program.stop()

    def binds(self):
        """[(address, driver)] of each bind event, in their order."""
        found = []
        for block in self.program.output.split("\n\n"):
            properties = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            if properties.get("ACTION") == "bind":
                found.append((properties["PCI_SLOT_NAME"], properties["DRIVER"]))
        return found


def without_links(devices):
    return [{key: value for key, value in device.items() if not key.startswith("link_")} for device in devices]


def check_detached(machine):
    """Two VFs are created and bound to vfio-pci, and no other driver ever binds them."""
    tap, view = machine.tap, machine.view
    with Events(machine) as events:
        status, output = machine.run_vfs("2 --detach --json")
    tap.check("two VFs are created and detached", status == 0, output)
    vfs = machine.vf_addresses()
    tap.equal("the kernel has two VFs", len(vfs), 2)
    tap.equal("both are on vfio-pci", machine.drivers(), ["vfio-pci"] * 2)
    tap.equal(f"{machine.host_driver}, whose module is loaded, never bound one of them", events.binds(),
              [(vf, "vfio-pci") for vf in vfs])
    tap.equal("the host's autoprobe setting is restored", machine.autoprobe(), "1")
    shown = json.loads(output)["virtual_functions"]
    tap.equal("vfioctl prints the VFs", [vf["address"] for vf in shown], vfs)
    tap.equal("it prints them as detached, with their nodes",
              [(vf["state"], vf["node"]) for vf in shown],
              [("detached", host.node(machine.guest, vf)) for vf in vfs])
    # vfiod reads the links of new devices a moment later.
    tap.equal("it lists the same VFs again", without_links(json.loads(machine.run_vfs("--json")[1])["virtual_functions"]),
              without_links(shown))
    tap.equal("there is one state file for each VF and no other",
              view.records(), [f"devices/{vf}" for vf in vfs])
    tap.equal("the state of the controller is host", view.state(machine.controller), "host")
    machine.guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("the next daemon knows that they are detached",
              [view.state(vf) for vf in vfs], ["detached"] * 2)


def check_held(machine):
    """A VM has one of the two VFs."""
    tap, guest = machine.tap, machine.guest
    first, second = machine.vf_addresses()
    started, nested = byhand.start_machine(guest, byhand.device_arguments(guest, second))
    if not tap.check("QEMU starts with the second VF", started, nested.output):
        return
    for words in ("4 --detach", f"4 --detach {USE}", f"0 {USE}"):
        status, output, seconds = timed(guest, f"vfioctl vfs {machine.controller} {words}")
        tap.equal(f"vfs {words} is refused while QEMU has the VF", status, REFUSED)
        tap.contains(f"vfs {words}: the refusal names the process",
                     output, f"process {byhand.machine_pid(guest)} (qemu-system-x86)")
        tap.contains(f"vfs {words}: the refusal names the VF", output, second)
        tap.check(f"vfs {words}: vfiod refuses at once", seconds < AT_ONCE, f"after {seconds} s")
    tap.equal("the error is Held", machine.error(4, "1 override as 1 virtual-functions"), ERROR + "Held")
    tap.equal("both VFs still exist", machine.vf_addresses(), [first, second])
    tap.equal("QEMU was not disturbed and ends normally", byhand.stop_machine(nested), 0)

    with Events(machine) as events:
        status, output = machine.run_vfs("4 --detach")
    tap.check("after QEMU has ended, vfiod replaces its own two detached VFs by four", status == 0, output)
    tap.equal("all are on vfio-pci", machine.drivers(), ["vfio-pci"] * 4)
    tap.equal("no other driver ever bound them", {driver for _, driver in events.binds()}, {"vfio-pci"})
    tap.equal("the autoprobe setting is restored", machine.autoprobe(), "1")
    tap.equal("there is one state file for each VF", len(machine.view.records()), 4)
    started, nested = byhand.start_machine(guest, byhand.device_arguments(guest, machine.vf_addresses()[3]))
    if tap.check("QEMU starts with the fourth VF", started, nested.output):
        byhand.stop_machine(nested)


def check_refusals(machine):
    """Requests that vfiod must refuse."""
    tap, before = machine.tap, machine.vf_addresses()
    status, output = machine.run_vfs(f"{machine.total + 1} {USE}")
    tap.equal("one VF more than the device supports is refused", status, REFUSED)
    tap.contains("the refusal says how many VFs it supports", output, f"can have {machine.total} virtual functions at most")
    tap.equal("the error is LimitsExceeded", machine.error(machine.total + 1), ERROR + "LimitsExceeded")
    status, output = machine.view.vfioctl(f"vfs {before[0]} 1")
    tap.equal("a VF cannot have VFs", status, REFUSED)
    tap.contains("the refusal names the PF", output, machine.controller)
    tap.equal("nothing was changed", (machine.vf_addresses(), machine.drivers()), (before, ["vfio-pci"] * 4))


def check_removed(machine):
    """Remove all VFs."""
    tap, view, vfs = machine.tap, machine.view, machine.vf_addresses()
    status, output = machine.run_vfs(f"0 {USE}")
    tap.check("all are removed", status == 0, output)
    tap.equal("the kernel has none", machine.vf_addresses(), [])
    tap.equal("vfiod knows no VF", [view.state(vf) for vf in vfs], [None] * 4)
    tap.equal("no state file is left", eventually(view.records, []), [])


def check_host(machine):
    """Without an option, the host's driver probes the VFs as the host is configured."""
    tap, guest = machine.tap, machine.guest
    with Events(machine) as events:
        status, output = machine.run_vfs("2")
        vfs = machine.vf_addresses()
        # The probe continues in the background in the kernel. It fails if nobody assigned resources to the VF.
        expected = {(vf, machine.host_driver) for vf in vfs}
        tap.equal("the host's driver binds the VFs",
                  eventually(lambda: set(events.binds()) & expected, expected), expected)
    tap.check("the call succeeds", status == 0, output)
    tap.equal("no state file is made", machine.view.records(), [])
    guest.check_run("udevadm settle")
    # A VF can also be detached on its own, like any device.
    status, output = machine.view.vfioctl(f"detach {vfs[0]}")
    tap.check("one VF is detached on its own", status == 0, output)
    status, output = machine.run_vfs("0")
    tap.check("all VFs can be removed, because vfiod itself detached this one", status == 0, output)
    tap.equal("no VF and no state file is left", (machine.vf_addresses(), machine.view.records()), ([], []))


def check_driverless(machine):
    """The VFs stay without a driver, even if a driver is loaded later."""
    tap, guest = machine.tap, machine.guest
    status, output = machine.run_vfs("2 --driverless")
    tap.check("two VFs are created without a driver", status == 0, output)
    for vf in machine.vf_addresses():
        guest.check_run(f"echo {vf} > /sys/bus/pci/drivers_probe")
    tap.equal("no probe binds a driver to them", machine.drivers(), ["", ""])
    tap.equal("the autoprobe setting stays off", machine.autoprobe(), "0")
    status, output = machine.run_vfs("0")
    tap.check("the VFs are removed", status == 0, output)
    tap.equal("the autoprobe setting is restored", (machine.autoprobe(), machine.view.records()), ("1", []))


def check_removed_by_hand(machine):
    """An administrator removes VFs that vfiod detached."""
    tap = machine.tap
    machine.run_vfs("2 --detach")
    (first, second) = machine.vf_addresses()
    machine.guest.check_run(f"echo 0 > {machine.folder}/sriov_numvfs")
    tap.equal("vfiod removes the state files of the removed VFs", eventually(machine.view.records, []), [])
    tap.equal("vfiod no longer knows the VF", machine.view.state(first), None)


def check_killed(machine, path, action, occurrence=1):
    """SIGKILL daemon and worker before a write."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    what = f"killed at {action}"
    with Pause(machine, path, occurrence):
        job = guest.start(f"vfioctl vfs {machine.controller} 3 --detach")
        tap.equal(f"{what}: the job is at this step", await_step(machine, action), [action])
        guest.check_run(f"systemctl kill --kill-whom=all --signal=KILL {UNIT} {WORKER}")
        tap.check(f"{what}: the caller gets an error", job.wait() != 0, job.output)
    tap.equal(f"{what}: the next daemon recovers the job",
              eventually(lambda: view.state(machine.controller), "host"), "host")
    eventually(lambda: json.loads(view.vfioctl("--json jobs")[1])["jobs"], [])
    tap.equal(f"{what}: the autoprobe setting is restored", machine.autoprobe(), "1")
    count = len(machine.vf_addresses())
    tap.note(f"{what}: the device then has {count} VFs")
    tap.check(f"{what}: it has either the old or the new number of VFs", count in (0, 3), count)
    tap.equal(f"{what}: there is one state file for each VF and no other", len(view.records()), count)
    tap.equal(f"{what}: every VF is on vfio-pci", machine.drivers(), ["vfio-pci"] * count)
    status, output = machine.run_vfs(f"0 {USE}")
    tap.check(f"{what}: the VFs can be removed", status == 0, output)
    tap.equal(f"{what}: no VF and no state file is left", (machine.vf_addresses(), view.records()), ([], []))


def check_kills(machine):
    """SIGKILL to daemon and worker."""
    for path, action, occurrence in ((f"{machine.folder}/sriov_numvfs", "set-vfs", 1),
                                     ("/sys/bus/pci/drivers_probe", "probe", 2),
                                     (f"{machine.folder}/sriov_drivers_autoprobe", "set-autoprobe", 2)):
        machine.tap.run(f"killed at {action}", check_killed, machine, path, action, occurrence)


PARTS = [check_detached, check_held, check_refusals, check_removed, check_host, check_driverless, check_removed_by_hand,
         check_kills]

if __name__ == "__main__":
    sys.exit(play("vfs", __doc__, TOPOLOGIES, PARTS, Machine))
