#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for devices that are plugged in: with the host's driver loaded or not, udev before us or after, refused or not.

Each part plugs a card by QMP, or has the kernel find one in a rescan, and looks at what the kernel, udev and vfiod say of it.
"""

import sys

import rules
from machine import play
from rules import Rules
from view import UNIT, eventually
from watch import Events, Signals, device_path

NEW_KIND = {"Match": {"Vendor": "15ad", "Device": "07b0"}, "Detach": {}}  # vmxnet3: no other here has that driver
KNOWN_KIND = {"Match": {"Vendor": "8086", "Device": "10d3", "Subsystem": "8086:1234"}, "Detach": {}}
PLUGGED = {"mac": "52:54:00:00:09:01", "romfile": ""}
THIRD = {"Match": {"Vendor": "10ec", "Device": "8139"}, "Detach": {}}  # a card for the story's group
BRIDGE_SLOT = 3


def plug_known(machine, port="hot-0"):
    """An e1000e, whose driver is loaded, with ids of its own; returns its address."""
    machine.guest.plug("e1000e", "plugged", port, subsys=0x1234, **PLUGGED)
    return machine.guest.address("plugged")


def pull(machine):
    machine.guest.unplug("plugged")
    machine.guest.qmp.await_event("DEVICE_DELETED", device="plugged")


def override(machine, address):
    return machine.bindings(address)[0][1]


def check_driver_not_loaded(machine):
    """The host's driver is not loaded: it never has the card, whether udev comes before us or after"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    for what, before, after in (("we are quicker than udev", "true", "true"),
                                ("udev is quicker than we", f"systemctl kill --signal=STOP {UNIT}",
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
            tap.check(f"{what}: it is signalled as detached", signals.state(place, "detached"), signals.lines())
            guest.check_run("udevadm settle")
            events.end()
            tap.equal(f"{what}: it bound to vfio-pci, and to nothing else", events.drivers(place), ["vfio-pci"])
            tap.note(f"{what}: on vfio-pci {events.seconds(place, 'bind'):.3f} s after it came")
            tap.equal(f"{what}: the rule is applied", rules.status(machine, "new"), {place: ("applied", None)})
            status, output = view.vfioctl(f"reattach {place}")
            tap.check(f"{what}: given back, it is on the host's driver",
                      (status, machine.driver(place)) == (0, "vmxnet3"), output)
            tap.equal(f"{what}: and has no override", override(machine, place), "(null)")
            tap.equal(f"{what}: it is left so", rules.status(machine, "new")[place][0], "released")
            pull(machine)
            tap.check(f"{what}: pulled, it is not known any more",
                      signals.wait(lambda line: (line["object"], line["event"]) == (device_path(place), "removed")))
            signals.end()


def check_driver_loaded(machine):
    """The host's driver is there, and has the card for a moment: NetworkManager is kept from it"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, known=KNOWN_KIND):
        signals, events = Signals(guest), Events(guest)
        place = plug_known(machine)
        tap.check("it is signalled as detached", signals.state(place, "detached"), signals.lines())
        path = device_path(place)
        states = [line["properties"]["State"] for line in signals.lines()
                  if line["object"] == path and "State" in line["properties"]]
        tap.check("it appeared, and changed, and was detached", states[-2:] == ["changing", "detached"], states)
        group = f"/org/vfiod1/groups/{guest.group(place)}"
        tap.check("its group is signalled as viable", signals.wait_property(group, "Viable", True))
        guest.check_run("udevadm settle")
        events.end()
        tap.check("it ended on vfio-pci", events.drivers(place) in (["e1000e", "vfio-pci"], ["vfio-pci"]),
                  events.drivers(place))
        bound, left = events.seconds(place, "bind", "e1000e"), events.seconds(place, "unbind")
        if bound is not None:
            tap.note(f"on e1000e {left - bound:.3f} s; on vfio-pci {events.seconds(place, 'bind', 'vfio-pci'):.3f} s"
                     " after it came")
        said = [event for event in events.of("UDEV", place, "net") if event["ACTION"] != "remove"]
        tap.check("udev said of each event of its interface that NetworkManager is to leave it alone",
                  all(event.get("NM_UNMANAGED") == "1" for event in said), said)
        tap.equal("it is known from where it came", view.properties("Device", place)["OriginalOverride"], "")
        status, output = view.vfioctl(f"reattach {place}")
        tap.check("given back, it is on the host's driver", (status, machine.driver(place)) == (0, "e1000e"), output)
        check_managed(machine, "given back", place)
        pull(machine)
        tap.check("pulled and plugged in again, it is detached again",
                  eventually(lambda: view.state(place), None) is None and plug_known(machine) == place
                  and eventually(lambda: view.state(place), "detached", 30) == "detached", view.state(place))
        signals.end()


def check_managed(machine, what, place):
    """Nothing keeps NetworkManager from the interface of a card that is the host's."""
    guest = machine.guest
    named = guest.wait_for(f"ls /sys/bus/pci/devices/{place}/net | grep -q ^en")
    guest.check_run("udevadm settle")
    known = guest.run(f"udevadm info /sys/bus/pci/devices/{place}/net/*")[1]
    machine.tap.check(f"{what}: its interface is NetworkManager's", named and "ID_NET_NAME" in known and
                      "NM_UNMANAGED" not in known, known)


def check_elsewhere(machine):
    """The card that the part before left detached is pulled, and plugged in elsewhere: the rule goes by its ids"""
    tap, view = machine.tap, machine.view
    first = machine.guest.address("plugged")
    pull(machine)
    tap.equal("pulled, it is absent", eventually(lambda: view.state(first), "absent"), "absent")
    with Rules(machine, known=KNOWN_KIND):
        second = plug_known(machine, "hot-1")
        tap.check("it is another place", first != second)
        tap.equal("there it is detached", eventually(lambda: view.state(second), "detached", 30), "detached")
        tap.equal("what was detached is still absent", view.state(first), "absent")
        tap.equal("it can be reattached", view.vfioctl(f"reattach {second}")[0], 0)
        pull(machine)
        eventually(lambda: view.state(second), None)
        tap.equal("back in its slot, it is detached",
                  (plug_known(machine), eventually(lambda: view.state(first), "detached", 30)), (first, "detached"))
    tap.equal("and reattached", view.vfioctl(f"reattach {first}")[0], 0)
    pull(machine)
    tap.equal("nothing is kept of it", (eventually(lambda: view.state(first), None), view.records()), (None, []))


def check_another_card(machine):
    """A rule for an address and ids: another card there is left alone"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    place = plug_known(machine)
    eventually(lambda: view.state(place), "host", 30)
    check_managed(machine, "before the rule", place)
    tap.equal("a rule is made for it", view.vfioctl(f"rule add {place} --name=slot")[0], 0)
    tap.equal("it is taken at once", eventually(lambda: view.state(place), "detached", 30), "detached")
    tap.equal("it is given back", view.vfioctl(f"reattach {place}")[0], 0)
    pull(machine)
    eventually(lambda: view.state(place), None)
    guest.plug("e1000e", "plugged", "hot-0", subsys=0x4321, **PLUGGED)
    tap.equal("another card in its slot is the host's", eventually(lambda: view.state(place), "host", 30), "host")
    check_managed(machine, "another card", place)
    tap.equal("and stays so", (view.state(place), override(machine, place)), ("host", "(null)"))
    found, message = rules.status(machine, "slot")[place]
    tap.equal("the rule says so", found, "other-card")
    tap.contains("and which card is there", message, "8086:4321")
    tap.contains("and the journal", guest.check_run(f"journalctl --unit={UNIT} --lines=20"),
                 f"Rule slot: {place} is not detached: the rule names the card 8086:10d3 (8086:1234)")
    pull(machine)
    eventually(lambda: view.state(place), None)
    tap.equal("the right card is taken",
              (plug_known(machine), eventually(lambda: view.state(place), "detached", 30)), (place, "detached"))
    tap.equal("the rule is removed", view.vfioctl("rule remove slot")[0], 0)
    tap.equal("which changes nothing", (view.state(place), guest.run("ls /etc/vfiod/rules.d")[1]), ("detached", ""))
    tap.equal("it is reattached", view.vfioctl(f"reattach {place}")[0], 0)
    pull(machine)


def check_trigger(machine):
    """`udevadm trigger` makes udev think that all devices came anew: nothing of what is there is touched"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    cards = {"Match": {"Vendor": "8086", "Device": "10d3"}, "Detach": {}}
    before = machine.bindings(*machine.everything)
    with Rules(machine, cards=cards):
        taken = [machine.nic, *machine.card]
        tap.equal("the rule takes what is there",
                  eventually(lambda: [view.state(place) for place in taken], ["detached"] * 3, 60), ["detached"] * 3)
        for place in taken[:2]:
            view.vfioctl(f"reattach {place}")
        tap.equal("all is given back", machine.bindings(*machine.everything), before)
        guest.check_run("udevadm trigger --action=add --subsystem-match=pci --subsystem-match=net && udevadm settle")
        tap.equal("no device has another driver or override", machine.bindings(*machine.everything), before)
        known = guest.check_run(f"udevadm info /sys/bus/pci/devices/{machine.nic}/net/*")
        tap.lacks("no interface is kept from NetworkManager", known, "NM_UNMANAGED")


def rescan(machine):
    """Plug a card into the story's bridge, where the kernel sees it only when it looks; returns its address."""
    guest = machine.guest
    if "third" not in str(guest.qmp.execute("query-pci")):
        guest.plug("rtl8139", "third", "story-bridge", addr=hex(BRIDGE_SLOT), romfile="")
    guest.check_run("echo 1 > /sys/bus/pci/rescan")
    return guest.address("third")


def remove(machine, place):
    machine.guest.check_run(f"echo 1 > /sys/bus/pci/devices/{place}/remove")
    eventually(lambda: machine.view.state(place), None)


def check_refused(machine):
    """A rule that is refused: the card is the host's, in spite of what udev did of the rule"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, third=THIRD):
        for what in ("its driver is not loaded", "its driver is loaded"):
            place = rescan(machine)
            tap.check(f"{what}: it gets the host's driver",
                      guest.wait_for(f"[ -e /sys/bus/pci/drivers/8139cp/{place}/net/en* ]"), view.device(place))
            tap.equal(f"{what}: it has no override", eventually(lambda: override(machine, place), "(null)"), "(null)")
            tap.equal(f"{what}: it is the host's", eventually(lambda: view.state(place), "host"), "host")
            check_managed(machine, what, place)
            found, message = rules.status(machine, "third")[place]
            tap.equal(f"{what}: the rule says that it was refused", found, "refused")
            tap.contains(f"{what}: and why", message, "a virtual machine can only get all of them")
            remove(machine, place)


def check_joins(machine):
    """A card joins a detached group: it is not taken without consent, and what it breaks is told"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    ports = [guest.address("story-left"), guest.address("story-right")]
    before = machine.bindings(*ports)
    tap.equal("the group is detached", view.vfioctl(f"detach {ports[0]} --group")[0], 0)
    group = f"/org/vfiod1/groups/{guest.group(ports[0])}"
    signals = Signals(guest)
    place = rescan(machine)
    line = signals.wait(lambda line: line["object"] == group and line["properties"].get("Viable") is False)
    tap.equal("the group is signalled as not viable, because of the newcomer",
              line and line["properties"]["Blockers"], [[place, "8139cp", "8139cp does DMA for the host", {}]])
    tap.equal("the newcomer is the host's", eventually(lambda: view.state(place), "host"), "host")
    tap.contains("the journal says so", guest.check_run(f"journalctl --unit={UNIT} --lines=20"),
                 f"is not viable any more: {place} is on 8139cp")
    tap.equal("the others are where they were", [view.state(port) for port in ports], ["detached", "detached"])
    tap.equal("taken as well, the group is viable",
              (view.vfioctl(f"detach {place}")[0], view.group(place)["viable"]), (0, True))
    tap.equal("all are given back", view.vfioctl(f"reattach {place}")[0], 0)
    tap.equal("and are as they were", machine.bindings(*ports), before)
    remove(machine, place)
    signals.end()

    port_rule = {"Match": {"Vendor": "8086", "Device": "100e"}, "Detach": {"Companions": "all"}}
    with Rules(machine, ports=port_rule):
        tap.equal("a rule that agrees to all companions takes the group",
                  eventually(lambda: [view.state(port) for port in ports], ["detached"] * 2, 30), ["detached"] * 2)
        place = rescan(machine)
        tap.equal("and a newcomer", eventually(lambda: view.state(place), "detached", 30), "detached")
        tap.equal("the group is detached, and viable",
                  [view.group(place)[name] for name in ("state", "viable")], ["detached", True])
        tap.equal("all are given back again", view.vfioctl(f"reattach {place}")[0], 0)
    tap.equal("and are as they were again", machine.bindings(*ports), before)
    remove(machine, place)


PARTS = [check_driver_not_loaded, check_driver_loaded, check_elsewhere, check_another_card, check_trigger, check_refused,
         check_joins]


if __name__ == "__main__":
    sys.exit(play("hotplug", __doc__, "full", PARTS))
