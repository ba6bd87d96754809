# SPDX-License-Identifier: GPL-2.0-or-later
"""Other tools and vfiod detach and reattach devices at the same time, with and without rules: parts of devices.py.

vfiod's data stay correct, vfiod does not fight with the other tools, and it reports a detached group that has a
member on a host driver again.
"""

import json

import byhand
from neighbours import LIBVIRT_UNITS
from rules import Rules, await_status
from view import UNIT, eventually
from watch import Signals

MANAGE_OWN_DMA = ("", "pcieport", "pci-stub", "vfio-pci")
ROUNDS = 3
BY_HAND = """folder=/sys/bus/pci/devices/{address}
move() {{ echo $1 > $folder/driver_override; [ ! -e $folder/driver ] || echo {address} > $folder/driver/unbind
    echo {address} > /sys/bus/pci/drivers_probe; }}
"""


def node(address):
    return "pci_" + address.replace(":", "_").replace(".", "_")


def tools(address):
    """{name: (command that detaches the device, command that reattaches it)}"""
    script = BY_HAND.format(address=address)
    return {"a script": (script + "move vfio-pci", script + "move ''"),
            "driverctl": (f"driverctl set-override {address} vfio-pci", f"driverctl unset-override {address}"),
            "virsh": (f"virsh nodedev-detach {node(address)}", f"virsh nodedev-reattach {node(address)}")}


def check_view(machine, what):
    """vfiod reports what sysfs says, and a restarted daemon reports the same."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    real = {address: driver.rpartition("/")[2] for address, (driver, _) in
            zip(machine.everything, machine.bindings(*machine.everything))}

    def reported():
        return {device["address"]: device["driver"] or "" for device in json.loads(view.vfioctl("--json devices")[1])["devices"]}

    found = eventually(reported, real)
    tap.equal(f"{what}: vfiod reports the driver of each device as sysfs does", found, real)
    for number, group in view.groups().items():
        blockers = [address for address in group["members"] if found[address] not in MANAGE_OWN_DMA]
        if group["viable"] != (not blockers):
            tap.check(f"{what}: group {number} has the right value for viable", False, (group, blockers))
    before = [view.vfioctl(f"--json {verb}")[1] for verb in ("devices", "groups")]
    guest.check_run(f"systemctl restart {UNIT}")
    tap.equal(f"{what}: a restarted daemon reports the same",
              eventually(lambda: [view.vfioctl(f"--json {verb}")[1] for verb in ("devices", "groups")], before), before)


def loop(guest, *commands):
    """Run these commands one after another, several times. Each of them may fail."""
    body = "\n".join(f"( {command}\n) || :" for command in commands)
    return guest.start(f"for round in $(seq {ROUNDS}); do\n{body}\ndone")


def check_at_once(machine):
    """virsh, driverctl, a script and vfiod run at the same time; a script and vfiod also use the same group"""
    tap, view, guest = machine.tap, machine.view, machine.guest
    guest.check_run("systemctl start libvirtd", timeout=120)
    port, other_port = guest.address("story-left"), guest.address("story-right")
    before = machine.bindings(*machine.everything)
    programs = [loop(guest, *tools(machine.nic)["driverctl"]), loop(guest, *tools(machine.controller)["virsh"]),
                loop(guest, *tools(other_port)["a script"]),
                loop(guest, f"vfioctl detach {port}", f"vfioctl reattach {port}"),
                loop(guest, f"vfioctl detach {machine.card[0]} --group", f"vfioctl reattach {machine.card[0]}")]
    tap.equal("all programs end", [program.wait(180) for program in programs], [0] * len(programs))
    tap.check("the other programs did not disturb vfiod's changes to its own group",
              programs[-1].output.count("vfio-pci -> e1000e") == 2 * ROUNDS, programs[-1].output)
    tap.note("output of vfioctl for the group that a script changed at the same time: " + programs[3].output)
    view.vfioctl(f"reattach {port}")
    guest.check_run("udevadm settle")
    tap.equal("all bindings are as before", eventually(lambda: machine.bindings(*machine.everything), before), before)
    eventually(lambda: view.state(other_port), "host")
    check_view(machine, "after all programs ran at once")
    tap.equal("no state file is left", eventually(view.records, []), [])


def check_rule_released(machine):
    """A rule detached a device and another tool reattaches it: vfiod leaves it with the host driver"""
    tap, view, guest = machine.tap, machine.view, machine.guest
    before = machine.snapshot(machine.nic)
    nic = {"Match": {"Address": machine.nic, "Vendor": "8086", "Device": "10d3"}, "Detach": {}}
    with Rules(machine, nic=nic):
        for tool, (_, reattach) in tools(machine.nic).items():
            tap.equal(f"{tool}: the rule detaches the device",
                      eventually(lambda: view.state(machine.nic), "detached"),
                      "detached")
            guest.check_run(reattach)
            tap.equal(f"{tool}: the tool reattaches it; vfiod reports the state host",
                      eventually(lambda: view.state(machine.nic), "host"), "host")
            tap.equal(f"{tool}: the rule reports it as released", await_status(machine, "nic", machine.nic, "released")[0], "released")
            guest.check_run("vfioctl rescan")
            tap.equal(f"{tool}: vfiod does not detach it again",
                      (eventually(lambda: machine.snapshot(machine.nic), before),
                                                         view.state(machine.nic)), (before, "host"))
            guest.check_run(f"systemctl restart {UNIT}")
        eventually(lambda: view.state(machine.nic), "detached")
    tap.equal("vfiod can reattach it", view.vfioctl(f"reattach {machine.nic}")[0], 0)
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(machine.nic), before), before)
    guest.check_run(f"systemctl stop {LIBVIRT_UNITS}")


def check_member_lost(machine):
    """A script reattaches one member of a detached group: vfiod reports it at once"""
    tap, view, guest = machine.tap, machine.view, machine.guest
    first, second = machine.card
    before = machine.snapshot(first, second)
    tap.equal("the card is detached", view.vfioctl(f"detach {first} --group")[0], 0)
    group = f"/org/vfiod1/groups/{guest.group(first)}"
    signals = Signals(guest)
    byhand.reattach(guest, second)
    line = signals.wait(lambda line: line["object"] == group and line["properties"].get("viable") is False)
    signals.end()
    tap.equal("vfiod signals that the group is not viable and names the blocking device",
              line and line["properties"]["blockers"],
              [{"address": second, "driver": "e1000e", "reason": "e1000e does DMA for the host"}])
    tap.contains("the journal says so", view.journal("--lines=10"),
                 f"is not viable any more: {second} is on e1000e")
    tap.equal("one port is detached, the other is on the host driver",
              [view.state(port) for port in machine.card], ["detached", "host"])
    tap.equal("vfiod reattaches the remaining port",
              (view.vfioctl(f"reattach {first}")[0], eventually(lambda: machine.snapshot(first, second), before)), (0, before))
