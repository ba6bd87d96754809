#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfioctl nodedev-dumpxml: every element, attribute and text is that of virsh nodedev-dumpxml, for each PCI device of the guest.

libvirt lists the members of an IOMMU group in no order, so they are compared as a set. Without root, one attribute is missing: the
number of the port of a PCI Express link is in the configuration space, of which only root sees more than the header. libvirt also reads
it to wake up a suspended device, whose current link is not known otherwise.

vfioctl nodedev-reset: the kernel resets the device, and nothing else, and not while a virtual machine has it.
"""

import collections
import sys
import xml.etree.ElementTree

import byhand
import neighbours
from machine import ERROR, play
from view import REFUSED, eventually

TRACING = "/sys/kernel/tracing"

# Sets the register CC of an NVMe controller, which is 0 after a reset, or prints it.
REGISTER = """
import mmap, os, struct, sys
memory = mmap.mmap(os.open(f"/sys/bus/pci/devices/{sys.argv[1]}/resource0", os.O_RDWR | os.O_SYNC), 4096)
if len(sys.argv) > 2:
    memory[0x14:0x18] = struct.pack("<I", int(sys.argv[2], 16))
print("%x" % struct.unpack("<I", memory[0x14:0x18]))
"""


def node(address):
    """libvirt's name of a device."""
    return "pci_" + address.replace(":", "_").replace(".", "_")


def elements(text):
    """Every element with its path, attributes and text: the order of siblings does not matter, their number does."""
    found = collections.Counter()

    def visit(element, path):
        here = f"{path}/{element.tag}"
        found[(here, tuple(sorted(element.attrib.items())), (element.text or "").strip())] += 1
        # Elements of the same name differ by their attributes.
        for child in element:
            visit(child, here + "".join(f"[{key}={value}]" for key, value in sorted(element.attrib.items())))

    visit(xml.etree.ElementTree.fromstring(text), "")
    return found


def differences(ours, theirs):
    """The elements that only one of the texts has."""
    ours, theirs = elements(ours), elements(theirs)
    return sorted([("only vfioctl", *key) for key in ours - theirs] + [("only virsh", *key) for key in theirs - ours])


def pci_devices(machine):
    """The addresses of all PCI functions."""
    return machine.guest.check_run("ls /sys/bus/pci/devices").split()


def compare_all(machine, when):
    """As root: nothing differs."""
    tap, guest, count = machine.tap, machine.guest, 0
    for address in pci_devices(machine):
        # libvirt hears of a new device from udev, and vfiod reads its link a moment later.
        different = eventually(lambda address=address: differences(guest.check_run(f"vfioctl nodedev-dumpxml {node(address)}"),
                                                                   guest.check_run(f"virsh nodedev-dumpxml {node(address)}")), [])
        count += sum(elements(guest.check_run(f"virsh nodedev-dumpxml {node(address)}")).values())
        tap.check(f"{when}: {address}: 0 differing elements", not different, different)
    tap.note(f"{when}: compared {count} elements of {len(pci_devices(machine))} devices")
    tap.check(f"{when}: there are elements", count > 200, count)


def check_all(machine):
    """All devices as the host has them, and the list."""
    tap, guest = machine.tap, machine.guest
    guest.check_run("systemctl start libvirtd", timeout=120)
    compare_all(machine, "on the host's drivers")
    tap.equal("the list is that of virsh", guest.check_run("vfioctl nodedev-list --cap pci").split(),
              guest.check_run("virsh nodedev-list --cap pci").split())
    ours = guest.check_run("vfioctl nodedev-list --tree").split("\n")
    theirs = guest.check_run("virsh nodedev-list --tree").split("\n")
    tap.equal("the tree has the PCI devices of virsh at the same depth", [line.replace("|", " ") for line in ours if "pci_" in line],
              [line.replace("|", " ") for line in theirs if "pci_" in line])


def check_detached(machine):
    """A detached card."""
    machine.guest.check_run(f"vfioctl detach {machine.nic}")
    compare_all(machine, "with a detached card")
    machine.guest.check_run(f"vfioctl reattach {machine.nic}")


def check_virtual_functions(machine):
    """A PF and its VFs."""
    place = machine.controller
    machine.write("0", f"devices/{place}/sriov_drivers_autoprobe")
    machine.write("2", f"devices/{place}/sriov_numvfs")
    compare_all(machine, "with VFs")
    machine.tap.contains("the PF has its VFs", machine.guest.check_run(f"vfioctl show --xml {place}"), "maxCount='4'>")
    machine.write("0", f"devices/{place}/sriov_numvfs")
    machine.write("1", f"devices/{place}/sriov_drivers_autoprobe")


def check_plain_user(machine):
    """Without root: only the number of the port is missing."""
    tap, guest = machine.tap, machine.guest
    for address in pci_devices(machine):
        status, ours = machine.view.vfioctl(f"show --xml {address}", "alice")
        theirs = guest.check_run(f"virsh nodedev-dumpxml {node(address)}")
        tap.equal(f"{address}: exit status for an ordinary user", status, 0)
        left = [row for row in differences(ours, theirs) if not row[1].endswith("/pci-express/link")]
        tap.check(f"{address}: an ordinary user misses only the port", not left, left)
        links = [row for row in differences(ours, theirs) if row[1].endswith("/pci-express/link")]
        without_port = {tuple(item for item in attributes if item[0] != "port") for _, _, attributes, _ in links}
        is_suspended = guest.check_run(f"cat /sys/bus/pci/devices/{address}/power/runtime_status").strip() == "suspended"
        tap.check(f"{address}: the link is the same, but for the port",
                  is_suspended or len(links) in (0, 2) and len(without_port) < 2, links)


def check_hostdev(machine):
    """libvirt accepts the element <hostdev>."""
    tap, guest = machine.tap, machine.guest
    fragment = guest.check_run(f"vfioctl show --libvirt {machine.nic}")
    domain = ("<domain type='qemu'><name>x</name><memory>65536</memory><os><type>hvm</type></os><devices>"
              f"{fragment}</devices></domain>")
    guest.check_run(f"cat > /tmp/domain.xml <<'END'\n{domain}\nEND")
    guest.check_run("virt-xml-validate /tmp/domain.xml domain || virsh define --validate /tmp/domain.xml", timeout=120)
    guest.run("virsh undefine x")
    guest.check_run(f"systemctl stop {neighbours.LIBVIRT_UNITS}")
    tap.check("libvirt accepts the element", True)


def register(machine, *arguments):
    """The register of the detached controller, which must be awake for that; with a number, sets it before."""
    place = machine.controller
    machine.write("on", f"devices/{place}/power/control")
    machine.guest.check_run(f"setpci -s {place} COMMAND=2:2")
    return machine.guest.check_run(f"python3 /tmp/register.py {place} {' '.join(arguments)}").strip()


def traced(machine):
    """The results of all resets that the kernel was asked for since the last call: "0" for success."""
    lines = machine.guest.check_run(f"cat {TRACING}/trace; echo > {TRACING}/trace").splitlines()
    return [line.rpartition("ret=")[2] for line in lines if "ret=" in line]


def check_refused(machine, what, place, error, *says):
    """A reset is refused, and the kernel is not asked for it."""
    status, output = machine.view.vfioctl(f"nodedev-reset {node(place)}")
    machine.tap.equal(f"nodedev-reset of {what}: exit status {REFUSED}", status, REFUSED)
    for text in says:
        machine.tap.contains(f"nodedev-reset of {what}: says {text}", output, text)
    machine.tap.equal(f"Reset of {what}: {error}", machine.view.error("Reset", place), ERROR + error)
    machine.tap.equal(f"Reset of {what}: the kernel is not asked for a reset", traced(machine), [])


def check_reset(machine):
    """A reset reaches the card, once; and not if the device is with the host, or a virtual machine has it."""
    tap, guest, view, place = machine.tap, machine.guest, machine.view, machine.controller
    guest.check_run(f"cat > /tmp/register.py <<'END'{REGISTER}END")
    guest.check_run(f"echo 'r:vfiod_reset pci_reset_function ret=$retval:s32' > {TRACING}/kprobe_events && "
                    f"echo 1 > {TRACING}/events/kprobes/enable")
    check_refused(machine, "a device with the host", place, "NotDetached", f"vfioctl detach {place}")
    guest.check_run(f"vfioctl detach {place}")
    before = machine.bindings(place)
    tap.equal("the register is set", register(machine, "460000"), "460000")
    tap.equal("the register keeps its value", register(machine), "460000")
    guest.check_run(f"vfioctl nodedev-reset {node(place)}", timeout=120)
    tap.equal("the kernel has reset one function, with success", traced(machine), ["0"])
    tap.equal("the register is as after power on", register(machine), "0")
    tap.equal("the device has the same driver", machine.bindings(place), before)
    tap.equal("the device is detached", view.state(place), "detached")
    started, virtual = byhand.start_machine(guest, byhand.device_arguments(guest, place))
    tap.check("a virtual machine starts with the device", started, virtual.output)
    traced(machine)
    check_refused(machine, "a device that a virtual machine has", place, "Held", "qemu-system-x86")
    tap.equal("the virtual machine ends", byhand.stop_machine(virtual), 0)
    left = guest.address("story-left")
    guest.check_run(f"vfioctl detach {left} --group")
    check_refused(machine, "a device that shares its bus", left, "NoReset", guest.address("story-right"))
    for detached in (place, left):
        guest.check_run(f"vfioctl reattach {detached}")
    guest.check_run(f"echo 0 > {TRACING}/events/kprobes/enable && echo > {TRACING}/kprobe_events")


PARTS = [check_all, check_detached, check_virtual_functions, check_plain_user, check_reset, check_hostdev]

if __name__ == "__main__":
    sys.exit(play("nodedev", __doc__, "full", PARTS))
