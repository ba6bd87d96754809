#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""All kinds of devices, all kinds of refusals, and other tools that detach and reattach devices.

One guest has all the devices. Each part restores the bindings that it found. The last check compares the bindings of
all devices.
"""

import re
import sys

import beside
import byhand
import host
import lifetime
import neighbours
import options
from guest import Guest
from machine import ERROR, INVALID_ARGUMENTS, Machine, refused
from tap import Tap
from view import FAILED, NO_SUCH, REFUSED, USAGE, eventually


def check_round(machine, what, address, selector):
    """Detach and reattach by one selector, which must work in both states."""
    tap, view = machine.tap, machine.view
    before = machine.snapshot(address)
    status, output = view.vfioctl(f"detach {selector}")
    tap.check(f"{what} as {selector} is detached",
              status == 0 and machine.driver(address) == "vfio-pci", output)
    tap.equal("it has the state detached under the same name", view.group(selector)["state"], "detached")
    status, output = view.vfioctl(f"reattach {selector}")
    tap.check("it is reattached under the same name", status == 0, output)
    tap.equal("driver, override and names are as before", eventually(lambda: machine.snapshot(address), before), before)
    machine.guest.check_run("udevadm settle")  # udev reads a disk that is back, and has it open


def check_selectors(machine):
    """Each kind of name selects a device, both while it is attached and while it is detached."""
    guest = machine.guest
    nic, disk = machine.nic, machine.disk
    name = disk_name(machine, disk)
    machine.tap.equal("the disk has a partition", machine.snapshot(disk)[disk]["disks"], [name, f"{name}p1"])
    for selector in (machine.name, nic, nic.removeprefix("0000:"), node_name(nic), f"group:{guest.group(nic)}"):
        check_round(machine, "the e1000e", nic, selector)
    for selector in (name, f"/dev/{name}", f"{name}p1", node_name(disk)):
        check_round(machine, "the NVMe disk", disk, selector)
    check_round(machine, "the NVMe disk with multipath", machine.controller, disk_name(machine, machine.controller))


def disk_name(machine, address):
    """The name of an NVMe disk. Newer kernels probe several controllers at the same time, so either may be the first. A path of a
    disk with multipath (nvme1c1n1) has the number of its controller in its name."""
    return re.sub(r"c\d+n", "n", machine.snapshot(address)[address]["disks"][0])


def node_name(address):
    """libvirt's name for a PCI address."""
    return "pci_" + address.replace(":", "_").replace(".", "_")


def check_refusals(machine):
    """vfiod refuses what it cannot do, each with its own error, and changes nothing."""
    tap, view, nic, name = machine.tap, machine.view, machine.nic, machine.name
    port = machine.guest.address("nic-port")
    group = machine.guest.group(nic)
    before = machine.snapshot(*machine.everything)

    refused(machine, "a bridge", "detach", port, REFUSED, ERROR + "NotEndpoint")
    refused(machine, "a group of bridges", "detach", f"group:{machine.guest.group(port)}", REFUSED,
            ERROR + "NotEndpoint")
    for verb in ("detach", "reattach"):
        refused(machine, "an unknown name", verb, "nosuch0", NO_SUCH, ERROR + "NoSuchDevice")
        refused(machine, "an empty slot", verb, "0000:7f:00.0", NO_SUCH, ERROR + "NoSuchDevice")
        refused(machine, "an unknown group", verb, "group:999", NO_SUCH, ERROR + "NoSuchGroup")
        refused(machine, "an invalid group number", verb, "group:x", USAGE, INVALID_ARGUMENTS)
    refused(machine, "a device that is not detached", "reattach", name, REFUSED, ERROR + "NotDetached")
    refused(machine, "a group that is not detached", "reattach", f"group:{group}", REFUSED, ERROR + "NotDetached")
    tap.equal("an unknown option: InvalidArgs", view.error("Detach", name, "1 nosuch b true"), INVALID_ARGUMENTS)
    for words in ("rule", "nosuch", "detach", f"detach {name} {name}", f"reattach {name} --nosuch"):
        tap.equal(f"'vfioctl {words}': exit status {USAGE}", view.vfioctl(words)[0], USAGE)
    tap.equal("show of an unknown name", view.vfioctl("show nosuch0")[0], NO_SUCH)
    tap.equal("these calls changed nothing", machine.snapshot(*machine.everything), before)

    view.vfioctl(f"detach {name}")
    refused(machine, "a device that is already detached", "detach", name, REFUSED, ERROR + "AlreadyDetached")
    refused(machine, "a detached group", "detach", f"group:{group}", REFUSED, ERROR + "AlreadyDetached")
    tap.equal("the device can be reattached after these refusals", view.vfioctl(f"reattach {name}")[0], 0)


def check_by_hand(machine):
    """vfiod sees at once what others do, and does not change a device that it did not detach."""
    tap, view, nic = machine.tap, machine.view, machine.nic
    before = machine.snapshot(nic)
    machine.write(nic, "drivers/e1000e/unbind")
    tap.equal("a device that was unbound by hand is driverless",
              eventually(lambda: view.state(nic), "driverless"), "driverless")
    machine.write(nic, "drivers/e1000e/bind")
    tap.equal("after a bind by hand its state is host", eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("its interface name is shown again",
              eventually(lambda: view.device(nic)["names"], [machine.name]), [machine.name])
    byhand.take(machine.guest, nic)
    tap.equal("a device that was bound to vfio-pci by hand is foreign",
              eventually(lambda: view.state(nic), "foreign"), "foreign")
    group = f"group:{machine.guest.group(nic)}"
    tap.equal("its group is foreign too", view.group(group)["state"], "foreign")
    for verb in ("detach", "reattach"):
        refused(machine, "a foreign device", verb, nic, REFUSED, ERROR + "Foreign")
        refused(machine, "a foreign group", verb, group, REFUSED, ERROR + "Foreign")
    tap.equal("vfiod did not change it", (machine.driver(nic), machine.snapshot(nic)[nic]["override"]),
              ("vfio-pci", "vfio-pci"))
    byhand.reattach(machine.guest, nic)
    tap.equal("after it was reattached by hand its state is host", eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(nic), before), before)


def check_override(machine):
    """vfiod restores an administrator's driver_override; a device without a driver has none afterwards."""
    tap, view, nic = machine.tap, machine.view, machine.nic
    override = f"devices/{nic}/driver_override"
    machine.write("e1000e", override)
    before = machine.snapshot(nic)
    view.vfioctl(f"detach {nic}")
    tap.equal("the bus shows the driver_override that the detached device had before",
              view.properties("Device", nic)["OriginalOverride"], "e1000e")
    tap.equal("while it is detached, its driver_override is vfio-pci",
              machine.snapshot(nic)[nic]["override"], "vfio-pci")
    view.vfioctl(f"reattach {nic}")
    tap.equal("driver and the administrator's driver_override are as before", eventually(lambda: machine.snapshot(nic), before), before)

    for what, text in (("no driver", ""), ("no driver and a driver_override that matches no driver", "none")):
        machine.write(text, override)
        machine.write(nic, "drivers/e1000e/unbind")
        before = machine.snapshot(nic)
        tap.equal(f"a device with {what} is detached", view.vfioctl(f"detach {nic}")[0], 0)
        tap.equal("it is on vfio-pci", machine.driver(nic), "vfio-pci")
        tap.equal("it is reattached", view.vfioctl(f"reattach {nic}")[0], 0)
        tap.equal(f"it has {what} again", eventually(lambda: machine.snapshot(nic), before), before)
        machine.write("", override)
        machine.write(nic, "drivers_probe")
        machine.guest.check_run("udevadm settle")


def check_card(machine):
    """A card with two PCI functions: vfiod refuses to detach only one; the name of either one selects both."""
    tap, view, (first, second) = machine.tap, machine.view, machine.card
    before = machine.snapshot(first, second)
    first_name, second_name = (host.interface(machine.guest, port) for port in machine.card)
    output = refused(machine, "one PCI function of two", "detach", first_name, REFUSED, ERROR + "GroupNeedsConsent")
    tap.contains("the refusal names the other PCI function", output, second_name)
    tap.equal("to name an unrelated device as companion is not consent",
              view.vfioctl(f"detach {first_name} --companion {machine.disk}")[0] != 0, True)
    tap.equal("nothing was changed", machine.snapshot(first, second), before)
    status, output = view.vfioctl(f"detach {first_name} --companion {second_name}")
    tap.check("with the other PCI function as companion the detach succeeds", status == 0, output)
    tap.equal("both PCI functions are on vfio-pci",
              host.drivers(machine.guest, first, second), ["vfio-pci", "vfio-pci"])
    tap.equal("the name of the second PCI function reattaches both", view.vfioctl(f"reattach {second_name}")[0], 0)
    tap.equal("both are bound as before", eventually(lambda: machine.snapshot(first, second), before), before)
    tap.equal("group:N needs no consent", view.vfioctl(f"detach group:{machine.guest.group(first)}")[0], 0)
    view.vfioctl(f"reattach {first_name}")
    tap.equal("both are bound as before again", eventually(lambda: machine.snapshot(first, second), before), before)


def check_mixed_group(machine):
    """One port was bound to vfio-pci by hand: vfiod detaches and reattaches only the other port."""
    tap, view = machine.tap, machine.view
    ports = by_hand, other = [machine.guest.address(name) for name in ("story-left", "story-right")]
    before = machine.snapshot(*ports)
    byhand.take(machine.guest, by_hand)
    eventually(lambda: view.state(by_hand), "foreign")
    status, output = view.vfioctl(f"detach {other}")
    tap.check("the other port needs no consent for a port that is already on vfio-pci", status == 0, output)
    tap.equal("one port is detached, the other is foreign",
              [view.state(port) for port in ports], ["foreign", "detached"])
    tap.equal("the group is viable", view.group(other)["viable"], True)
    refused(machine, "the port that was detached by hand", "reattach", by_hand, REFUSED, ERROR + "Foreign")
    status, output = view.vfioctl(f"reattach {other}")
    tap.check("vfiod reattaches the detached port", status == 0, output)
    tap.equal("vfiod did not change the foreign port", host.drivers(machine.guest, *ports), ["vfio-pci", "e1000"])
    byhand.reattach(machine.guest, by_hand)
    tap.equal("both are bound as before", eventually(lambda: machine.snapshot(*ports), before), before)


def check_virtual_functions(machine):
    """The VFs of an SR-IOV controller appear, can be detached one by one, and disappear."""
    tap, view, place = machine.tap, machine.view, machine.controller
    tap.equal("the controller supports four VFs",
              view.device(place)["virtual_functions_max"], 4)
    machine.write("0", f"devices/{place}/sriov_drivers_autoprobe")
    machine.write("4", f"devices/{place}/sriov_numvfs")
    vfs = machine.guest.check_run(f"for link in /sys/bus/pci/devices/{place}/virtfn*; do"
                                        " basename $(readlink $link); done").split()
    tap.equal("vfiod lists new VFs",
              eventually(lambda: view.device(place)["virtual_functions"], vfs), vfs)
    tap.equal("each VF knows its PF",
              {view.device(vf)["physical_function"] for vf in vfs}, {place})
    tap.equal("one VF is detached", view.vfioctl(f"detach {vfs[1]}")[0], 0)
    tap.equal("only this VF is on vfio-pci", host.drivers(machine.guest, *vfs), ["", "vfio-pci", "", ""])
    tap.equal("the VF is reattached", view.vfioctl(f"reattach {vfs[1]}")[0], 0)
    tap.equal("it is driverless as before", host.drivers(machine.guest, *vfs), ["", "", "", ""])
    machine.write("0", f"devices/{place}/sriov_numvfs")
    machine.write("1", f"devices/{place}/sriov_drivers_autoprobe")
    tap.equal("vfiod lists no VF after they are removed",
              eventually(lambda: view.device(place)["virtual_functions"], []), [])
    tap.equal("vfiod knows nothing of them any more", eventually(lambda: view.state(vfs[1]), None), None)


def check_odd_name(machine):
    """An interface may have any name: vfiod shows it escaped and accepts the escaped name as a selector."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    before = machine.snapshot(nic)
    raw, shown = "b\\377\\033[31mc", "b\\xff\\x1b[31mc"
    guest.check_run(f"ip link set dev {machine.name} name \"$(printf '{raw}')\"")
    tap.equal("the new name is shown escaped", eventually(lambda: view.device(nic)["names"], [shown]), [shown])
    for words in ("devices", "groups", f"show '{shown}'", f"plan '{shown}'"):
        status, output = view.vfioctl(words)
        tap.check(f"'vfioctl {words}' prints no raw control character",
                  status == 0 and shown in output and "\x1b" not in output, output)
    status, output = view.vfioctl(f"detach '{shown}'")
    tap.check("the escaped name selects it for detach", status == 0 and machine.driver(nic) == "vfio-pci", output)
    tap.equal("vfiod stores the name", view.properties("Device", nic)["OriginalNames"], [shown])
    status, output = view.vfioctl(f"reattach '{shown}'")
    tap.check("the escaped name selects it for reattach", status == 0, output)
    tap.equal("udev assigns the usual name again", eventually(lambda: view.device(nic)["names"], [machine.name]),
              [machine.name])
    tap.equal("the device is bound as before", eventually(lambda: machine.snapshot(nic), before), before)


def check_module(machine):
    """vfiod loads the driver's module when it needs it; if it cannot, it changes nothing."""
    tap, view, guest, nic = machine.tap, machine.view, machine.guest, machine.nic
    before = machine.snapshot(nic)
    unload, loaded = "modprobe --remove vfio-pci", "test -d /sys/bus/pci/drivers/vfio-pci"
    guest.check_run(unload)
    tap.equal("vfio-pci is not loaded", guest.run(loaded)[0], 1)
    tap.equal("detach loads it", view.vfioctl(f"detach {nic}")[0], 0)
    tap.equal("it is loaded", guest.run(loaded)[0], 0)
    view.vfioctl(f"reattach {nic}")

    module = guest.check_run("modinfo --filename vfio-pci")
    for what, prepare, undo in (
            ("a blacklisted module", "echo blacklist vfio-pci > /etc/modprobe.d/test.conf",
             "rm /etc/modprobe.d/test.conf"),
            ("a module that modprobe.d forbids to load", "echo install vfio-pci /bin/false > /etc/modprobe.d/test.conf",
             "rm /etc/modprobe.d/test.conf"),
            ("a missing module", f"mv {module} /root", f"mv /root/{module.rpartition('/')[2]} {module}")):
        guest.check_run(f"{unload}; {prepare}")
        output = refused(machine, f"a device that needs {what}", "detach", nic, FAILED, ERROR + "DriverUnavailable")
        tap.contains("vfioctl names the module", output, "vfio-pci")
        tap.equal("nothing was changed", (machine.snapshot(nic), view.records()), (before, []))
        guest.check_run(undo)
    tap.equal("with the module the detach succeeds", view.vfioctl(f"detach {nic}")[0], 0)
    view.vfioctl(f"reattach {nic}")
    tap.equal("the device is bound as before", eventually(lambda: machine.snapshot(nic), before), before)


PARTS = [check_selectors, check_refusals, check_by_hand, check_override, check_card, check_mixed_group,
         check_virtual_functions, check_odd_name, check_module, neighbours.check_driverctl, neighbours.check_libvirt,
         beside.check_at_once, beside.check_rule_released, beside.check_member_lost,
         lifetime.check_restart, lifetime.check_kill, lifetime.check_stop, lifetime.check_interrupt,
         lifetime.check_hotplug]


def run_parts(tap, destdir):
    with Guest("full", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        machine = Machine(tap, guest)
        guest.check_run(f"sgdisk --new=1:0:0 /dev/{disk_name(machine, machine.disk)} && udevadm settle")
        before = machine.snapshot(*machine.everything)
        for part in PARTS:
            tap.note(part.__doc__)
            tap.run(part.__name__, part, machine)
        tap.equal("all devices are bound as before", eventually(lambda: machine.snapshot(*machine.everything), before), before)
        tap.equal("no state file is left", eventually(machine.view.records, []), [])


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("devices", run_parts, tap, destdir)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
