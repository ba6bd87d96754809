#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The story that vfiod was made for: a two-port network card goes to a virtual machine, and comes back.

Both ports and the bridge before them are one IOMMU group. By hand, one port alone gives
"not viable"; vfiod moves the group, and a QEMU in the guest takes it with the arguments it printed.
"""

import sys

import byhand
import host
import options
from guest import Guest
from tap import Tap
from view import MANAGER, NOT_AUTHORIZED, REFUSED, View, eventually, timed

PORT_IDS = "8086:100e"
AT_ONCE = 10  # seconds: far below any deadline; the goal is one


class Card:
    """The two ports of the story's card: where they are and what they are called."""

    def __init__(self, guest):
        self.bridge = guest.address("story-bridge")
        self.left, self.right = guest.address("story-left"), guest.address("story-right")
        self.ports = [self.left, self.right]
        self.group = guest.group(self.left)
        self.name, self.other_name = (host.interface(guest, port) for port in self.ports)
        self.node = f"/dev/vfio/{self.group}"
        self.arguments = byhand.device_arguments(*self.ports)


def check_activation(tap, guest, view):
    """Nobody has started the service; the first call does."""
    tap.equal("vfiod does not run after the boot", view.unit("ActiveState"), "inactive")
    status, output, seconds = timed(guest, f"busctl call {MANAGER} ListGroups")
    tap.equal("the first call on the bus is answered", status, 0)
    tap.note(f"it took {seconds:.2f} s, with vfiod's start")
    tap.equal("vfiod runs now", view.unit("ActiveState"), "active")
    in_sysfs = host.members(guest)
    tap.equal("its answer had every group", output.split()[1:2], [str(len({group for group, _ in in_sysfs}))])
    tap.equal("ListGroups equals find /sys/kernel/iommu_groups -type l", view.members(), in_sysfs)
    (devices,) = view.call("ListDevices")
    tap.equal("ListDevices has every PCI function", [row[0] for row in devices],
              guest.check_run("ls /sys/bus/pci/devices").split())
    tree = set(guest.check_run("busctl tree --list org.vfiod1").split())
    paths = {row[1] for row in devices} | {group["path"] for group in view.groups().values()}
    tap.equal("busctl tree shows an object for each", sorted(paths - tree), [])


def check_by_hand(tap, guest, view, card):
    """One port is forgotten: the kernel refuses, and vfiod says which one it is."""
    before = host.snapshot(guest, *card.ports)
    tap.equal("the group is the host's", view.groups()[card.group]["state"], "host")
    byhand.take(guest, card.left)
    started, machine = byhand.start_machine(guest, byhand.device_arguments(card.left))
    tap.check("with one port taken by hand, QEMU does not start", not started, machine.output)
    tap.contains("QEMU says that the group is not viable", machine.output, f"group {card.group} is not viable")
    tap.equal("vfiod shows the group as partial",
              eventually(lambda: view.groups()[card.group]["state"], "partial"), "partial")
    tap.equal("and as not viable", view.groups()[card.group]["viable"], False)
    tap.equal("the other port is what blocks it",
              [blocker[:2] for blocker in view.properties("Group", card.other_name)["Blockers"]],
              [[card.right, "e1000"]])
    tap.contains("vfioctl show says so", view.vfioctl(f"show {card.other_name}")[1],
                 f"Blocked by: {card.right}, driver e1000")
    tap.equal("the port taken by hand is foreign", view.state(card.left), "foreign")
    byhand.give_back(guest, card.left)
    tap.equal("given back by hand, the group is the host's again",
              eventually(lambda: view.groups()[card.group]["state"], "host"), "host")
    tap.equal("with the names it had", host.snapshot(guest, *card.ports), before)


def check_consent(tap, guest, view, card):
    """Without a word about the other port, nothing is done."""
    before = host.snapshot(guest, *card.ports)
    status, output = view.vfioctl(f"detach {card.name}")
    tap.equal("detach without consent is refused", status, REFUSED)
    tap.contains("it names the other port's address", output, card.right)
    tap.contains("and its interface", output, card.other_name)
    tap.equal("the error is GroupNeedsConsent", view.error("Detach", card.name),
              "org.vfiod1.Error.GroupNeedsConsent")
    tap.equal("nothing was changed", host.snapshot(guest, *card.ports), before)


def check_detach(tap, guest, view, card):
    """With consent, both go; what is printed is what a script needs."""
    status, output = view.vfioctl(f"detach {card.name} --group")
    tap.equal("detach --group is done", status, 0)
    tap.equal("both ports are on vfio-pci", host.drivers(guest, *card.ports), ["vfio-pci", "vfio-pci"])
    tap.equal("each move, the node and QEMU's arguments are printed", output.splitlines(),
              [f"{card.left}: e1000 -> vfio-pci", f"{card.right}: e1000 -> vfio-pci",
               f"Node: {card.node}", f"QEMU: {card.arguments}"])
    tap.equal("the node is there", guest.run(f"test -c {card.node}")[0], 0)
    tap.equal("show --qemu prints the same arguments", view.vfioctl(f"show {card.name} --qemu"),
              (0, card.arguments + "\n"))
    group = view.groups()[card.group]
    tap.equal("the group is detached, viable, with its node",
              (group["state"], group["viable"], group["node"]), ("detached", True, card.node))
    tap.check("the interface has left the host", guest.run(f"ip link show {card.name}")[0] != 0)
    device = view.device(card.name)
    tap.equal("its name still selects the port", (device["address"], device["state"]), (card.left, "detached"))
    tap.equal("the bus says what it will get back",
              [view.properties("Device", card.name)[name] for name in ("OriginalDriver", "OriginalNames")],
              ["e1000", [card.name]])
    return output.partition("QEMU: ")[2].strip()


def check_held(tap, guest, view, card, arguments):
    """A virtual machine runs with the ports: they are not to be had, and saying so takes no time."""
    started, machine = byhand.start_machine(guest, arguments)
    if not tap.check("QEMU starts with the arguments that were printed", started, machine.output):
        return
    tap.equal("the virtual machine has both ports", byhand.machine_devices(machine).count(PORT_IDS), 2)
    listing = guest.start(f"busctl call {MANAGER} ListGroups")
    status, output, seconds = timed(guest, f"vfioctl reattach {card.name}")
    tap.equal("reattach is refused while QEMU holds the group", status, REFUSED)
    tap.contains("it names the process", output, f"process {byhand.machine_pid(guest)} (qemu-system-x86)")
    tap.note(f"refused after {seconds:.2f} s by the guest's clock")
    tap.check("it is refused at once", seconds < AT_ONCE, f"after {seconds} s")
    tap.equal("meanwhile ListGroups is answered", listing.wait(AT_ONCE), 0)
    tap.equal("the error is Held", view.error("Reattach", card.right), "org.vfiod1.Error.Held")
    tap.equal("both ports are still on vfio-pci", host.drivers(guest, *card.ports), ["vfio-pci", "vfio-pci"])
    tap.equal("and the group is still detached", view.groups()[card.group]["state"], "detached")
    tap.equal("QEMU has not noticed and ends well", byhand.stop_machine(machine), 0)


def check_reattach(tap, guest, view, card, before):
    """Everything comes back as it was."""
    status, output = view.vfioctl(f"reattach {card.name}")
    tap.equal("reattach is done once QEMU has ended", status, 0)
    tap.equal("it prints the names that came back", output.splitlines(),
              [f"{card.left}: vfio-pci -> e1000 ({card.name})",
               f"{card.right}: vfio-pci -> e1000 ({card.other_name})"])
    tap.equal("drivers, overrides, names and MAC addresses are as at the start",
              host.snapshot(guest, *card.ports), before)
    tap.equal("the node has gone", guest.run(f"test -e {card.node}")[0], 1)
    tap.equal("the group is the host's", view.groups()[card.group]["state"], "host")
    tap.equal("no record is left", view.records(), [])


def check_unprivileged(tap, guest, view, card):
    """Anybody may look; only root may act."""
    before = host.snapshot(guest, *card.ports)
    status, output = view.vfioctl("groups", user="alice")
    tap.equal("an unprivileged user can list", status, 0)
    tap.contains("and sees the card", output, card.name)
    tap.equal("detach is not for her", view.vfioctl(f"detach {card.name} --group", user="alice")[0], NOT_AUTHORIZED)
    tap.equal("nor is reattach", view.vfioctl(f"reattach {card.name}", user="alice")[0], NOT_AUTHORIZED)
    tap.equal("the error is AccessDenied", view.error("Detach", card.name, "1 companions as 1 '*'", user="alice"),
              "org.freedesktop.DBus.Error.AccessDenied")
    tap.equal("nothing was changed", host.snapshot(guest, *card.ports), before)


def tell(tap, destdir):
    with Guest("story", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        view, card = View(guest), Card(guest)
        before = host.snapshot(guest, *card.ports)
        check_activation(tap, guest, view)
        check_by_hand(tap, guest, view, card)
        check_consent(tap, guest, view, card)
        arguments = check_detach(tap, guest, view, card)
        check_held(tap, guest, view, card, arguments)
        check_reattach(tap, guest, view, card, before)
        check_unprivileged(tap, guest, view, card)
        tap.equal("vfiod ran through all of it",
                  (view.unit("ActiveState"), view.unit("NRestarts")), ("active", "0"))


def tell_with_slot_controller(tap, destdir):
    """The bridge is on shpchp, which keeps DMA for the host: no guest could have the group."""
    with Guest("story", destdir=destdir, shpc=True) as guest:
        tap.watch(guest)
        guest.boot()
        view, card = View(guest), Card(guest)
        before = host.snapshot(guest, card.bridge, *card.ports)
        tap.equal("the bridge is on shpchp", before[card.bridge]["driver"], "shpchp")
        status, output = view.vfioctl(f"detach {card.name} --group")
        tap.equal("detach is refused where the bridge keeps the group from guests", status, REFUSED)
        tap.contains("it names the bridge", output, card.bridge)
        tap.contains("and its driver", output, "shpchp")
        tap.equal("the error is NotViable", view.error("Detach", card.name, "1 companions as 1 '*'"),
                  "org.vfiod1.Error.NotViable")
        tap.equal("nothing was changed", host.snapshot(guest, card.bridge, *card.ports), before)

        for port in card.ports:
            byhand.take(guest, port)
        started, machine = byhand.start_machine(guest, card.arguments)
        tap.check("rightly: by hand, QEMU does not start", not started, machine.output)
        tap.contains("since the group is not viable", machine.output, "is not viable")

        # udev names the ports by the slots that shpchp knows: without it they are called otherwise.
        guest.check_run(f"echo {card.bridge} > /sys/bus/pci/drivers/shpchp/unbind")
        for port in card.ports:
            byhand.give_back(guest, port)
        card = Card(guest)
        before = host.snapshot(guest, card.bridge, *card.ports)
        status, output = view.vfioctl(f"detach {card.name} --group")
        tap.check("with the bridge off shpchp, detach is done", status == 0, output)
        started, machine = byhand.start_machine(guest, card.arguments)
        if tap.check("and QEMU starts", started, machine.output):
            byhand.stop_machine(machine)
        status, output = view.vfioctl(f"reattach {card.name}")
        tap.check("reattach is done", status == 0, output)
        tap.equal("bridge and ports are as before", host.snapshot(guest, card.bridge, *card.ports), before)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("the story", tell, tap, destdir)
        tap.run("the story with a slot controller", tell_with_slot_controller, tap, destdir)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
