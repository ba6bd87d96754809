#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for hot-plugged devices.

The host's driver is loaded or not, udev is faster or slower than vfiod, and the rule is refused or not.

Each part plugs a card in by QMP, or lets the kernel find a card by a rescan, and then checks what the kernel, udev
and vfiod report.
"""

import sys

import rules
from machine import play
from rules import Rules
from view import UNIT, eventually
from watch import Events, Signals, device_path

NEW_KIND = {"Match": {"Vendor": "15ad", "Device": "07b0"}, "Detach": {}}  # no other device here uses vmxnet3
KNOWN_KIND = {"Match": {"Vendor": "8086", "Device": "10d3", "Subsystem": "8086:1234"}, "Detach": {}}
PLUGGED = {"mac": "52:54:00:00:09:01", "romfile": ""}
THIRD = {"Match": {"Vendor": "10ec", "Device": "8139"}, "Detach": {}}  # a card for the group of the topology "story"
BRIDGE_SLOT = 3


def plug_known(machine, port="hot-0"):
    """Plug in an e1000e whose driver is loaded, with its own subsystem id. Returns its address."""
    machine.guest.plug("e1000e", "plugged", port, subsys=0x1234, **PLUGGED)
    return machine.guest.address("plugged")


def pull(machine):
    machine.guest.pull("plugged")


def override(machine, address):
    return machine.bindings(address)[0][1]


def check_driver_not_loaded(machine):
    """The host's driver is not loaded: it never binds the card, whether udev is slower or faster than vfiod"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    for what, before, after in (("vfiod is faster than udev", "true", "true"),
                                ("udev is faster than vfiod", f"systemctl kill --signal=STOP {UNIT}",
                                 f"systemctl kill --signal=CONT {UNIT}")):
        with Rules(machine, new=NEW_KIND):
            guest.run("modprobe --remove vmxnet3")
            tap.equal(f"{what}: the host's driver is not loaded", guest.run("test -d /sys/bus/pci/drivers/vmxnet3")[0], 1)
            signals, events = Signals(guest), Events(guest)
            guest.check_run(before)
            guest.plug("vmxnet3", "plugged", "hot-0", **PLUGGED)
            place = guest.address("plugged")
            tap.check(f"{what}: udev loads the host's driver", guest.wait_for("test -d /sys/bus/pci/drivers/vmxnet3"))
            guest.check_run(after)
            tap.check(f"{what}: vfiod signals the state detached", signals.state(place, "detached"), signals.lines())
            guest.check_run("udevadm settle")
            events.end()
            tap.equal(f"{what}: only vfio-pci bound the card", events.drivers(place), ["vfio-pci"])
            tap.note(f"{what}: vfio-pci bound it {events.seconds(place, 'bind'):.3f} s after it appeared")
            tap.equal(f"{what}: the rule is applied", rules.await_status(machine, "new", place, "applied"), ("applied", None))
            status, output = view.vfioctl(f"reattach {place}")
            tap.check(f"{what}: after reattach it is on the host's driver",
                      (status, machine.driver(place)) == (0, "vmxnet3"), output)
            tap.equal(f"{what}: it has no driver_override", override(machine, place), "(null)")
            tap.equal(f"{what}: the rule releases it", rules.await_status(machine, "new", place, "released")[0], "released")
            pull(machine)
            tap.check(f"{what}: after it is pulled, vfiod signals its removal",
                      signals.wait(lambda line: (line["object"], line["event"]) == (device_path(place), "removed")))
            signals.end()


def check_driver_loaded(machine):
    """The host's driver is loaded and binds the card for a moment: NetworkManager does not manage the interface"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, known=KNOWN_KIND):
        signals, events = Signals(guest), Events(guest)
        place = plug_known(machine)
        tap.check("vfiod signals the state detached", signals.state(place, "detached"), signals.lines())
        path = device_path(place)
        states = [line["properties"]["state"] for line in signals.lines()
                  if line["object"] == path and "state" in line["properties"]]
        tap.check("the card appears, changes and is detached, in this order",
                  states[-2:] == ["changing", "detached"], states)
        group = f"/org/vfiod1/groups/{guest.group(place)}"
        tap.check("vfiod signals that its group is viable", signals.wait_property(group, "viable", True))
        guest.check_run("udevadm settle")
        events.end()
        tap.check("its last driver is vfio-pci", events.drivers(place) in (["e1000e", "vfio-pci"], ["vfio-pci"]),
                  events.drivers(place))
        bound, left = events.seconds(place, "bind", "e1000e"), events.seconds(place, "unbind")
        if bound is not None:
            tap.note(f"on e1000e {left - bound:.3f} s; on vfio-pci {events.seconds(place, 'bind', 'vfio-pci'):.3f} s"
                     " after it appeared")
        said = [event for event in events.of("UDEV", place, "net") if event["ACTION"] != "remove"]
        tap.check("udev marks each event of its interface as unmanaged by NetworkManager",
                  all(event.get("NM_UNMANAGED") == "1" for event in said), said)
        tap.equal("vfiod knows that it had no driver_override",
                  view.properties("Device", place)["OriginalOverride"], "")
        status, output = view.vfioctl(f"reattach {place}")
        tap.check("after reattach it is on the host's driver", (status, machine.driver(place)) == (0, "e1000e"), output)
        check_managed(machine, "after reattach", place)
        pull(machine)
        tap.check("pulled and plugged in again, the card is detached again",
                  eventually(lambda: view.state(place), None) is None and plug_known(machine) == place
                  and eventually(lambda: view.state(place), "detached") == "detached", view.state(place))
        signals.end()


def check_managed(machine, what, place):
    """NetworkManager manages the interface of a card that is on the host driver."""
    guest = machine.guest
    named = guest.wait_for(f"ls /sys/bus/pci/devices/{place}/net | grep -q ^en")
    guest.check_run("udevadm settle")
    known = guest.run(f"udevadm info /sys/bus/pci/devices/{place}/net/*")[1]
    machine.tap.check(f"{what}: NetworkManager manages its interface", named and "ID_NET_NAME" in known and
                      "NM_UNMANAGED" not in known, known)


def check_elsewhere(machine):
    """The card that the previous part left detached is pulled and plugged into another slot: the rule matches its ids"""
    tap, view = machine.tap, machine.view
    first = machine.guest.address("plugged")
    pull(machine)
    tap.equal("the pulled card is absent", eventually(lambda: view.state(first), "absent"), "absent")
    with Rules(machine, known=KNOWN_KIND):
        second = plug_known(machine, "hot-1")
        tap.check("the card is in another slot", first != second)
        tap.equal("it is detached there", eventually(lambda: view.state(second), "detached"), "detached")
        tap.equal("the device in the first slot is still absent", view.state(first), "absent")
        tap.equal("it can be reattached", view.vfioctl(f"reattach {second}")[0], 0)
        pull(machine)
        eventually(lambda: view.state(second), None)
        tap.equal("in its first slot again, it is detached",
                  (plug_known(machine), eventually(lambda: view.state(first), "detached")), (first, "detached"))
    tap.equal("it is reattached", view.vfioctl(f"reattach {first}")[0], 0)
    pull(machine)
    tap.equal("vfiod keeps nothing about it", (eventually(lambda: view.state(first), None), view.records()), (None, []))


def check_another_card(machine):
    """A rule names an address and ids: vfiod does not detach another card at this address"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    place = plug_known(machine)
    eventually(lambda: view.state(place), "host")
    check_managed(machine, "before the rule", place)
    tap.equal("a rule is made for the card", view.vfioctl(f"rule add {place} --name=slot")[0], 0)
    tap.equal("the rule detaches it at once", eventually(lambda: view.state(place), "detached"), "detached")
    tap.equal("it is reattached", view.vfioctl(f"reattach {place}")[0], 0)
    pull(machine)
    eventually(lambda: view.state(place), None)
    guest.plug("e1000e", "plugged", "hot-0", subsys=0x4321, **PLUGGED)
    tap.equal("the state of another card in its slot is host",
              eventually(lambda: view.state(place), "host"), "host")
    check_managed(machine, "another card", place)
    tap.equal("the other card stays on the host driver",
              (view.state(place), override(machine, place)), ("host", "(null)"))
    found, message = rules.await_status(machine, "slot", place, "other-card")
    tap.equal("the rule reports another card", found, "other-card")
    tap.contains("the rule says which card is there", message, "8086:4321")
    tap.contains("the journal says which card is there", view.journal("--lines=20"),
                 f"Rule slot: {place} is not detached: the rule names the card 8086:10d3 (8086:1234)")
    pull(machine)
    eventually(lambda: view.state(place), None)
    tap.equal("the rule detaches the right card",
              (plug_known(machine), eventually(lambda: view.state(place), "detached")), (place, "detached"))
    tap.equal("the rule is removed", view.vfioctl("rule remove slot")[0], 0)
    tap.equal("the removal of the rule changes no device",
              (view.state(place), guest.run("ls /etc/vfiod/rules.d")[1]), ("detached", ""))
    tap.equal("it is reattached", view.vfioctl(f"reattach {place}")[0], 0)
    pull(machine)


def check_trigger(machine):
    """`udevadm trigger` sends add events for all devices: no existing device is changed"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    cards = {"Match": {"Vendor": "8086", "Device": "10d3"}, "Detach": {}}
    before = machine.bindings(*machine.everything)
    with Rules(machine, cards=cards):
        taken = [machine.nic, *machine.card]
        tap.equal("the rule detaches the existing devices",
                  eventually(lambda: [view.state(place) for place in taken], ["detached"] * 3), ["detached"] * 3)
        for place in taken[:2]:
            view.vfioctl(f"reattach {place}")
        tap.equal("all devices are bound as before", machine.bindings(*machine.everything), before)
        guest.check_run("udevadm trigger --action=add --subsystem-match=pci --subsystem-match=net && udevadm settle")
        tap.equal("driver and driver_override of every device are unchanged",
                  machine.bindings(*machine.everything), before)
        known = guest.check_run(f"udevadm info /sys/bus/pci/devices/{machine.nic}/net/*")
        tap.lacks("no interface is kept from NetworkManager", known, "NM_UNMANAGED")


def rescan(machine):
    """Plug a card into the bridge of the topology "story". The kernel finds it there only by a rescan. Returns its
    address."""
    guest = machine.guest
    if "third" not in str(guest.qmp.execute("query-pci")):
        guest.plug("rtl8139", "third", "story-bridge", addr=hex(BRIDGE_SLOT), romfile="")
    guest.check_run("echo 1 > /sys/bus/pci/rescan")
    return guest.address("third")


def remove(machine, place):
    machine.guest.check_run(f"echo 1 > /sys/bus/pci/devices/{place}/remove")
    eventually(lambda: machine.view.state(place), None)


def check_refused(machine):
    """A rule is refused: the card is on the host driver although udev applied the early rule"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, third=THIRD):
        for what in ("its driver is not loaded", "its driver is loaded"):
            place = rescan(machine)
            tap.check(f"{what}: the host's driver binds it",
                      guest.wait_for(f"[ -e /sys/bus/pci/drivers/8139cp/{place}/net/en* ]"))
            tap.equal(f"{what}: it has no driver_override",
                      eventually(lambda: override(machine, place), "(null)"), "(null)")
            tap.equal(f"{what}: its state is host", eventually(lambda: view.state(place), "host"), "host")
            check_managed(machine, what, place)
            found, message = rules.await_status(machine, "third", place, "refused")
            tap.equal(f"{what}: the rule reports that it was refused", found, "refused")
            tap.contains(f"{what}: the rule says why", message, "A virtual machine can use only the whole group")
            remove(machine, place)


def check_joins(machine):
    """A card joins a detached group: vfiod does not detach it without consent and reports that the group is not viable"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    ports = [guest.address("story-left"), guest.address("story-right")]
    before = machine.bindings(*ports)
    guest.run("modprobe --remove 8139too")  # it also tries to bind the card, and is its driver for a moment
    tap.equal("the group is detached", view.vfioctl(f"detach {ports[0]} --group")[0], 0)
    group = f"/org/vfiod1/groups/{guest.group(ports[0])}"
    signals = Signals(guest)
    place = rescan(machine)
    line = signals.wait(lambda line: line["object"] == group and line["properties"].get("viable") is False)
    tap.equal("vfiod signals that the group is not viable because of the new card",
              line and line["properties"]["blockers"], [{"address": place, "driver": "8139cp", "reason": "8139cp does DMA for the host"}])
    tap.equal("the state of the new card is host", eventually(lambda: view.state(place), "host"), "host")
    tap.contains("the journal says so", view.journal("--lines=20"),
                 f"is not viable any more: {place} is on 8139cp")
    tap.equal("the other members stay detached", [view.state(port) for port in ports], ["detached", "detached"])
    tap.equal("after the new card is detached too, the group is viable",
              (view.vfioctl(f"detach {place}")[0], view.group(place)["viable"]), (0, True))
    tap.equal("all are reattached", view.vfioctl(f"reattach {place}")[0], 0)
    tap.equal("all are bound as before", machine.bindings(*ports), before)
    remove(machine, place)
    signals.end()

    port_rule = {"Match": {"Vendor": "8086", "Device": "100e"}, "Detach": {"Companions": "all"}}
    with Rules(machine, ports=port_rule):
        tap.equal("a rule with consent to all companions detaches the group",
                  eventually(lambda: [view.state(port) for port in ports], ["detached"] * 2), ["detached"] * 2)
        place = rescan(machine)
        tap.equal("the rule detaches a new member too",
                  eventually(lambda: view.state(place), "detached"), "detached")
        tap.equal("the group is detached and viable",
                  [view.group(place)[name] for name in ("state", "viable")], ["detached", True])
        tap.equal("all are reattached again", view.vfioctl(f"reattach {place}")[0], 0)
    tap.equal("all are bound as before again", machine.bindings(*ports), before)
    remove(machine, place)


PARTS = [check_driver_not_loaded, check_driver_loaded, check_elsewhere, check_another_card, check_trigger, check_refused,
         check_joins]


if __name__ == "__main__":
    sys.exit(play("hotplug", __doc__, "full", PARTS))
