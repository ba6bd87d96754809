#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator set for the VFs of a network card survives every change: an igb with seven VFs.

MAC address and VLAN belong to the PF's driver and not to the VF. A VF that is detached and reattached keeps them, with
trust and spoof check. VFs that vanish with their PF, and appear again with it, get all of them again. Rules take VFs that
somebody else creates later, and create them again after a restart of the PF's driver.
"""

import json
import sys

import host
from machine import Host, play
from rules import Rules, status
from view import eventually

VFS = 7
ADMIN_MAC, ADMIN_VLAN = "52:54:00:00:05:a1", 5
USE = "--override=virtual-functions"


class Machine(Host):
    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.card = guest.address("igb")
        self.folder = f"/sys/bus/pci/devices/{self.card}"
        guest.check_run("modprobe igbvf")

    @property
    def name(self):
        return host.interface(self.guest, self.card)

    def vfs(self):
        return self.guest.check_run(f"cd {self.folder}; for number in $(seq 0 {VFS - 1}); do "
                                    "basename $(readlink virtfn$number); done").split()

    def settings(self, number):
        """{"mac", "vlan", "trust", "spoofchk"} that the PF's driver has for a VF."""
        (link,) = json.loads(self.guest.check_run(f"ip -json link show {self.name}"))
        found = link["vfinfo_list"][number]
        return {"mac": found["address"], "vlan": [entry["vlan"] for entry in found.get("vlan_list", []) if "vlan" in entry],
                "trust": found["trust"], "spoofchk": found["spoofchk"]}


def check_created(machine):
    """All seven VFs are created for the host"""
    tap = machine.tap
    status, output = machine.view.vfioctl(f"vfs {machine.card} {VFS}")
    tap.check("all VFs are created", status == 0, output)
    tap.equal("the host's driver has all of them",
              eventually(lambda: host.drivers(machine.guest, *machine.vfs()), ["igbvf"] * VFS), ["igbvf"] * VFS)
    tap.equal("each VF is in a group of its own", len({machine.guest.group(vf) for vf in machine.vfs()}), VFS)
    machine.guest.check_run(f"ip link set {machine.name} up; udevadm settle")


def check_one(machine):
    """A VF with settings of the administrator is detached and reattached"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    vf = machine.vfs()[0]
    guest.check_run(f"ip link set {machine.name} vf 0 mac {ADMIN_MAC}; ip link set {machine.name} vf 0 vlan {ADMIN_VLAN};"
                    f" ip link set {machine.name} vf 0 spoofchk off; ip link set {machine.name} vf 0 trust on")
    wanted = {"mac": ADMIN_MAC, "vlan": [ADMIN_VLAN], "trust": True, "spoofchk": False}
    others = [machine.settings(number) for number in range(1, VFS)]
    tap.equal("the PF's driver has the settings", machine.settings(0), wanted)
    for verb, driver in (("detach", "vfio-pci"), ("reattach", "igbvf"), ("detach", "vfio-pci"), ("reattach", "igbvf")):
        status, output = view.vfioctl(f"{verb} {vf}")
        tap.check(f"the VF: {verb}", status == 0, output)
        tap.equal(f"after the {verb} its driver is {driver}", host.drivers(guest, vf), [driver])
        tap.equal(f"after the {verb} it has all settings", machine.settings(0), wanted)
    guest.check_run("udevadm settle")
    name = host.interface(guest, vf)
    tap.equal("its interface has the MAC address of the administrator", guest.read(f"/sys/class/net/{name}/address"),
              ADMIN_MAC)
    tap.equal("the settings of the other VFs are as before", [machine.settings(number) for number in range(1, VFS)], others)


def check_card(machine):
    """The card itself is detached, so that its VFs vanish, and reattached"""
    tap, view = machine.tap, machine.view
    before = machine.settings(0)
    others = [machine.settings(number)["vlan"] for number in range(1, VFS)]
    status, output = view.vfioctl(f"detach {machine.card} {USE}")
    tap.check("the card is detached", status == 0, output)
    status, output = view.vfioctl(f"reattach {machine.card}")
    tap.check("the card is reattached", status == 0, output)
    # vfiod waits only some seconds for the names of eight interfaces.
    machine.guest.check_run("udevadm settle", 120)
    tap.equal("it has all VFs again", machine.guest.read(f"{machine.folder}/sriov_numvfs"), str(VFS))
    tap.equal("the VF has all settings of the administrator", machine.settings(0), before)
    # The kernel chooses a random MAC address for a VF without one.
    tap.equal("no other VF has a VLAN", [machine.settings(number)["vlan"] for number in range(1, VFS)], others)
    status, output = view.vfioctl(f"vfs {machine.card} 0 {USE}")
    tap.check("the VFs are removed", status == 0, output)
    tap.equal("no state file is left", eventually(view.records, []), [])


def found_vfs(machine):
    """{address: [driver, state in vfiod]} of the VFs that the card has now."""
    present = machine.guest.check_run(f"cd {machine.folder}; for link in virtfn*; do [ -L $link ] && "
                                      "basename $(readlink $link); done; true").split()
    drivers = host.drivers(machine.guest, *present) if present else []
    return {vf: [driver, machine.view.state(vf)] for vf, driver in zip(present, drivers)}


def check_vfs(machine, what, count):
    """Wait until the card has this number of VFs, and all are detached."""
    wanted = [["vfio-pci", "detached"]] * count
    machine.tap.equal(f"{what}: {count} VFs are detached",
                      eventually(lambda: list(found_vfs(machine).values()), wanted), wanted)


def check_later(machine):
    """A rule takes VFs that an administrator creates later"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, later={"Match": {"Vendor": "8086", "Device": "10ca"}}):
        guest.check_run(f"echo 2 > {machine.folder}/sriov_numvfs")
        check_vfs(machine, "after the VFs were created by hand", 2)
        tap.equal("the rule reports them as applied", eventually(lambda: status(machine, "later"), dict.fromkeys(
            found_vfs(machine), ("applied", None))), dict.fromkeys(found_vfs(machine), ("applied", None)))
        tap.equal("the card stays with the host", view.state(machine.card), "host")
        guest.check_run(f"echo 0 > {machine.folder}/sriov_numvfs")
        tap.equal("after the VFs were removed by hand, no state file is left", eventually(view.records, []), [])


def check_restart(machine):
    """The PF's driver is restarted by hand, so that the kernel removes the VFs: the rule creates and detaches them again"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, card={"Match": {"Address": machine.card, "Vendor": "8086", "Device": "10c9"},
                              "Detach": {"VirtualFunctions": "3"}}):
        check_vfs(machine, "with the rule", 3)
        guest.check_run(f"echo {machine.card} > /sys/bus/pci/drivers/igb/unbind")
        tap.equal("without its driver, the card has no VFs", found_vfs(machine), {})
        tap.equal("vfiod keeps no state file of the VFs", eventually(view.records, []), [])
        tap.equal("the card has no driver", eventually(lambda: view.state(machine.card), "driverless"), "driverless")
        guest.check_run(f"echo {machine.card} > /sys/bus/pci/drivers/igb/bind")
        check_vfs(machine, "after the restart of the driver", 3)
    status_of_removal, output = view.vfioctl(f"vfs {machine.card} 0")
    tap.check("without the rule, the VFs can be removed", status_of_removal == 0, output)
    tap.equal("no VF and no state file is left", (found_vfs(machine), view.records()), ({}, []))


PARTS = [check_created, check_one, check_card, check_later, check_restart]


if __name__ == "__main__":
    sys.exit(play("links", __doc__, "igb", PARTS, Machine))
