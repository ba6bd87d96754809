#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The main use of vfiod: a two-port network card is assigned to a VM and returns to the host.

Both ports and the bridge above them are in one IOMMU group. If an administrator binds only one port to vfio-pci by
hand, QEMU does not start. vfiod detaches the whole group, and a QEMU in the guest starts with the arguments that
vfioctl printed. If the kernel has another way for a VM to get the card, that is checked, too.
"""

import sys

import byhand
import host
import options
import systems
from guest import Guest
from tap import Tap
from view import MANAGER, NOT_AUTHORIZED, REFUSED, View, eventually, timed

# {topology: (ports, host driver, ids)}
CARDS = {"story": (("story-left", "story-right"), "e1000", "8086:100e"),
         "dual": (("dual-0", "dual-1"), "e1000e", "8086:10d3")}
AT_ONCE = 20  # seconds: far below any timeout; one second is the goal


class Card:
    """The two ports of the card: their addresses and their interface names."""

    def __init__(self, guest):
        ports, self.driver, self.ids = CARDS[guest.topology_name]
        self.ports = [guest.address(port) for port in ports]
        self.left, self.right = self.ports
        self.group = guest.group(self.left)
        self.name, self.other_name = (host.interface(guest, port) for port in self.ports)
        self.arguments = byhand.device_arguments(guest, *self.ports)


def check_activation(tap, guest, view):
    """Nobody has started the service; the first call starts it."""
    tap.equal("vfiod does not run after the boot", view.unit("ActiveState"), "inactive")
    status, output, seconds = timed(guest, f"busctl call {MANAGER} ListGroups")
    tap.equal("vfiod answers the first call on the bus", status, 0)
    tap.note(f"it took {seconds:.2f} s, including vfiod's start")
    tap.equal("vfiod runs now", view.unit("ActiveState"), "active")
    in_sysfs = host.members(guest)
    tap.equal("the answer contains every group", output.split()[1:2], [str(len({group for group, _ in in_sysfs}))])
    tap.equal("ListGroups equals find /sys/kernel/iommu_groups -type l", view.members(), in_sysfs)
    (devices,) = view.call("ListDevices")
    tap.equal("ListDevices has every PCI function", [row[0] for row in devices],
              guest.check_run("ls /sys/bus/pci/devices").split())
    tree = set(guest.check_run("busctl tree --list org.vfiod1").split())
    paths = {row[1] for row in devices} | {group["path"] for group in view.groups().values()}
    tap.equal("busctl tree shows an object for each device and group", sorted(paths - tree), [])


def check_not_viable(tap, guest, card, way, ports, what):
    """A VM cannot have these ports, because a member of the group is on a host driver."""
    started, machine = byhand.start_machine(guest, byhand.device_arguments(guest, *ports, way=way))
    tap.check(f"{what}, QEMU does not start ({way.name})", not started, machine.output)
    tap.check(f"QEMU says that the group is not viable ({way.name})",
              byhand.says_not_viable(machine.output, card.group, way), machine.output)


def check_by_hand(tap, guest, view, card):
    """An administrator forgets one port: the kernel refuses, and vfiod names the port."""
    before = host.snapshot(guest, *card.ports)
    tap.equal("the state of the group is host", view.groups()[card.group]["state"], "host")
    byhand.take(guest, card.left)
    for way in guest.facts.ways:
        check_not_viable(tap, guest, card, way, [card.left], "with one port on vfio-pci by hand")
    tap.equal("vfiod shows the group as partial",
              eventually(lambda: view.groups()[card.group]["state"], "partial"), "partial")
    tap.equal("vfiod shows the group as not viable", view.groups()[card.group]["viable"], False)
    tap.equal("the other port is the blocker",
              [blocker[:2] for blocker in view.properties("Group", card.other_name)["Blockers"]],
              [[card.right, card.driver]])
    tap.contains("vfioctl show says so", view.vfioctl(f"show {card.other_name}")[1],
                 f"Blocked by: {card.right}, driver {card.driver}")
    tap.equal("the port that was detached by hand is foreign", view.state(card.left), "foreign")
    byhand.reattach(guest, card.left)
    tap.equal("after it is reattached by hand, the state of the group is host again",
              eventually(lambda: view.groups()[card.group]["state"], "host"), "host")
    tap.equal("the devices are bound as before, with their names", eventually(lambda: host.snapshot(guest, *card.ports), before), before)


def check_consent(tap, guest, view, card):
    """Without consent to the other port, vfiod does nothing."""
    before = host.snapshot(guest, *card.ports)
    status, output = view.vfioctl(f"detach {card.name}")
    tap.equal("detach without consent is refused", status, REFUSED)
    tap.contains("the refusal names the address of the other port", output, card.right)
    tap.contains("the refusal names the interface of the other port", output, card.other_name)
    tap.equal("the error is GroupNeedsConsent", view.error("Detach", card.name),
              "org.vfiod1.Error.GroupNeedsConsent")
    tap.equal("nothing was changed", host.snapshot(guest, *card.ports), before)


def check_detach(tap, guest, view, card):
    """With consent, vfiod detaches both ports and prints what a script needs. Returns what it prints for QEMU, and the
    node of each port."""
    status, output = view.vfioctl(f"detach {card.name} --group")
    tap.equal("detach --group succeeds", status, 0)
    tap.equal("both ports are on vfio-pci", host.drivers(guest, *card.ports), ["vfio-pci", "vfio-pci"])
    nodes = [host.node(guest, port) for port in card.ports]
    of_group = nodes[0] if guest.facts.ways[0] is systems.GROUP else ""
    tap.equal("vfioctl prints each change, each node and QEMU's arguments", output.splitlines(),
              [*(f"{port}: {card.driver} -> vfio-pci" for port in card.ports),
               *(f"Node: {node}" for node in dict.fromkeys(nodes)), f"QEMU: {card.arguments}"])
    tap.equal("the nodes exist", [guest.run(f"test -c {node}")[0] for node in nodes], [0, 0])
    tap.equal("the bus shows the node of each port",
              [view.properties("Device", port)["Node"] for port in card.ports], nodes)
    tap.equal("show --qemu prints the same arguments", view.vfioctl(f"show {card.name} --qemu"),
              (0, card.arguments + "\n"))
    status, output_iommufd = view.vfioctl(f"show {card.name} --iommufd")
    if systems.CDEV in guest.facts.ways:
        tap.equal("show --iommufd prints the arguments for an iommufd", (status, output_iommufd),
                  (0, byhand.device_arguments(guest, *card.ports, way=systems.CDEV) + "\n"))
        tap.equal("the bus shows the cdev of each port", [view.properties("Device", port)["Cdev"] for port in card.ports],
                  [host.cdev(guest, port) for port in card.ports])
    else:
        tap.equal("show --iommufd is refused", status, REFUSED)
        tap.contains("it names what the kernel lacks", output_iommufd, "CONFIG_VFIO_DEVICE_CDEV")
    group = view.groups()[card.group]
    tap.equal("the group is detached and viable, and has a node only if the kernel makes one",
              (group["state"], group["viable"], group["node"]), ("detached", True, of_group))
    tap.check("the interface does not exist any more", guest.run(f"ip link show {card.name}")[0] != 0)
    device = view.device(card.name)
    tap.equal("the name of the interface still selects the port",
              (device["address"], device["state"]), (card.left, "detached"))
    tap.equal("the bus shows the original driver and name",
              [view.properties("Device", card.name)[name] for name in ("OriginalDriver", "OriginalNames")],
              [card.driver, [card.name]])
    return output.partition("QEMU: ")[2].strip(), nodes


def check_held(tap, guest, view, card, way, arguments):
    """A VM runs with the ports: vfiod refuses to reattach them, and refuses at once."""
    tap.note(f"The VM gets the ports by {way.name}: {arguments}")
    node = f"/dev/vfio/{card.group}" if way is systems.GROUP else host.cdev(guest, card.left)
    started, machine = byhand.start_machine(guest, arguments)
    if not tap.check("QEMU starts with the arguments", started, machine.output):
        return
    tap.equal("the VM has both ports", byhand.machine_devices(machine).count(card.ids), 2)
    listing = guest.start(f"busctl call {MANAGER} ListGroups")
    status, output, seconds = timed(guest, f"vfioctl reattach {card.name}")
    tap.equal("reattach is refused while QEMU holds the group", status, REFUSED)
    tap.contains("the refusal names the process", output, f"process {byhand.machine_pid(guest)} (qemu-system-x86)")
    tap.contains("the refusal names the node", output, f"{node} ")
    tap.note(f"refused after {seconds:.2f} s by the guest's clock")
    tap.check("vfiod refuses at once", seconds < AT_ONCE, f"after {seconds} s")
    tap.equal("vfiod answers ListGroups meanwhile", listing.wait(AT_ONCE), 0)
    tap.equal("the error is Held", view.error("Reattach", card.right), "org.vfiod1.Error.Held")
    tap.equal("both ports are still on vfio-pci", host.drivers(guest, *card.ports), ["vfio-pci", "vfio-pci"])
    tap.equal("the group is still detached", view.groups()[card.group]["state"], "detached")
    tap.equal("QEMU was not disturbed and ends normally", byhand.stop_machine(machine), 0)


def check_reattach(tap, guest, view, card, before, nodes):
    """A reattach restores everything."""
    status, output = view.vfioctl(f"reattach {card.name}")
    tap.equal("reattach succeeds after QEMU has ended", status, 0)
    tap.equal("vfioctl prints the drivers and the interface names", output.splitlines(),
              [f"{card.left}: vfio-pci -> {card.driver} ({card.name})",
               f"{card.right}: vfio-pci -> {card.driver} ({card.other_name})"])
    tap.equal("drivers, overrides, names and MAC addresses are as before",
              eventually(lambda: host.snapshot(guest, *card.ports), before), before)
    tap.equal("the nodes do not exist any more", [guest.run(f"test -e {node}")[0] for node in nodes], [1, 1])
    tap.equal("the state of the group is host", view.groups()[card.group]["state"], "host")
    tap.equal("no state file is left", eventually(view.records, []), [])


def check_unprivileged(tap, guest, view, card):
    """Every user may read; to change something, an administrator must authenticate."""
    before = host.snapshot(guest, *card.ports)
    status, output = view.vfioctl("groups", user="alice")
    tap.equal("an unprivileged user can list", status, 0)
    tap.contains("the user sees the card", output, card.name)
    tap.equal("an unprivileged user may not detach",
              view.vfioctl(f"detach {card.name} --group", user="alice")[0], NOT_AUTHORIZED)
    tap.equal("the error says that somebody must authenticate",
              view.error("Detach", card.name, "1 companions as 1 '*'", user="alice"),
              "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired")
    tap.equal("nothing was changed", host.snapshot(guest, *card.ports), before)


def run_story(tap, destdir):
    with Guest(systems.chosen_iommu().card, destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        view, card = View(guest), Card(guest)
        before = host.snapshot(guest, *card.ports)
        check_activation(tap, guest, view)
        check_by_hand(tap, guest, view, card)
        check_consent(tap, guest, view, card)
        printed, nodes = check_detach(tap, guest, view, card)
        first, *others = guest.facts.ways
        check_held(tap, guest, view, card, first, printed)
        for way in others if systems.chosen_iommu().maps_iommufd else ():
            check_held(tap, guest, view, card, way, byhand.device_arguments(guest, *card.ports, way=way))
        check_reattach(tap, guest, view, card, before, nodes)
        check_unprivileged(tap, guest, view, card)
        tap.equal("vfiod never restarted",
                  (view.unit("ActiveState"), view.unit("NRestarts")), ("active", "0"))


def run_with_slot_controller(tap, destdir):
    """The bridge is on shpchp, which uses DMA through the kernel: no guest can have the group."""
    with Guest("story", destdir=destdir, shpc=True) as guest:
        tap.watch(guest)
        guest.boot()
        view, card, bridge = View(guest), Card(guest), guest.address("story-bridge")
        before = host.snapshot(guest, bridge, *card.ports)
        tap.equal("the bridge is on shpchp", before[bridge]["driver"], "shpchp")
        status, output = view.vfioctl(f"detach {card.name} --group")
        tap.equal("detach is refused because the bridge's driver blocks the group", status, REFUSED)
        tap.contains("the refusal names the bridge", output, bridge)
        tap.contains("the refusal names its driver", output, "shpchp")
        tap.equal("the error is NotViable", view.error("Detach", card.name, "1 companions as 1 '*'"),
                  "org.vfiod1.Error.NotViable")
        tap.equal("nothing was changed", host.snapshot(guest, bridge, *card.ports), before)

        for port in card.ports:
            byhand.take(guest, port)
        for way in guest.facts.ways:
            check_not_viable(tap, guest, card, way, card.ports,
                             "the refusal was right: with both ports on vfio-pci by hand")

        # udev uses the slot names of shpchp for the interfaces. Without shpchp they have other names.
        guest.check_run(f"echo {bridge} > /sys/bus/pci/drivers/shpchp/unbind")
        for port in card.ports:
            byhand.reattach(guest, port)
        card = Card(guest)
        before = host.snapshot(guest, bridge, *card.ports)
        status, output = view.vfioctl(f"detach {card.name} --group")
        tap.check("with the bridge unbound from shpchp, detach succeeds", status == 0, output)
        started, machine = byhand.start_machine(guest, card.arguments)
        if tap.check("QEMU starts", started, machine.output):
            byhand.stop_machine(machine)
        status, output = view.vfioctl(f"reattach {card.name}")
        tap.check("reattach succeeds", status == 0, output)
        tap.equal("bridge and ports are bound as before", eventually(lambda: host.snapshot(guest, bridge, *card.ports), before), before)


def run_conventional(tap, destdir):
    """The kernel puts no conventional PCI device into a group: no VM can have the card."""
    with Guest("story", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        view, card = View(guest), Card(guest)
        before = host.snapshot(guest, *card.ports)
        tap.equal("the card has no group", card.group, None)
        status, output = view.vfioctl(f"detach {card.name} --group")
        tap.equal("detach is refused", status, REFUSED)
        tap.contains("the refusal says that the device has no group", output, "no IOMMU group")
        tap.equal("the error is NoGroup", view.error("Detach", card.name), "org.vfiod1.Error.NoGroup")
        tap.equal("nothing was changed", host.snapshot(guest, *card.ports), before)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("the main use", run_story, tap, destdir)
        if systems.chosen_iommu().card == "story":
            tap.run("the main use with a slot controller", run_with_slot_controller, tap, destdir)
        else:
            tap.run("a conventional card", run_conventional, tap, destdir)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
