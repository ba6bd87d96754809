# SPDX-License-Identifier: GPL-2.0-or-later
"""Named sets of devices for the guest, each a list of QEMU arguments.

Devices have QEMU ids, and Guest.address(id) returns their PCI address, so tests name devices and not addresses:

    story   story-left, story-right   two e1000 behind one PCIe-to-PCI bridge (story-bridge):
                                      the bridge and both ports are in one IOMMU group
    dual    dual-0, dual-1            a two-port card: two PCI functions of e1000e in one slot, in one
                                      group; named ens1f0 and ens1f1
    e1000e  nic                       an e1000e alone behind a root port, in its own group; ens3
    nvme    disk                      an NVMe disk of 64 MB behind a root port, in its own group
    sriov   sriov                     an NVMe controller that supports four VFs, each in its own group
    igb     igb                       a network card that supports seven VFs (driver igbvf), each in its own
                                      group; only QEMU 10 has it
    usb     usb, stick                an xHCI controller behind a root port, in its own group, with a USB disk
                                      of 64 MB
    keyboard keyboards, keyboard      an xHCI controller behind a root port, in its own group, with a USB keyboard
    cxl     cxl                       CXL memory of 256 MB in its own group, in a window for one region; only QEMU 10 has
                                      it. The kernel makes regions only on a machine that is no VM: the processor must
                                      not say that it is one (HARDWARE)
    sound   sound                     a sound card behind a root port, in its own group
    display display                   the VGA card that the firmware uses, on the root bus, in its own group
    graphics graphics, graphics-sound a second graphics card with its sound function, in one group
    hotplug hot-0, hot-1, hot-2       empty root ports: Guest.plug(driver, id, "hot-0")
    full                              story, dual, e1000e, nvme, sriov and hotplug
    odd                               nvme, keyboard and cxl
    used                              dual, e1000e, nvme, sriov, usb, sound and display: devices that a host may use
    guides                            story, e1000e, nvme, igb, display and graphics: what the guides in docs/ use; only QEMU 10
                                      has it
    none                              only what the guest itself needs

MAC addresses are fixed (MACS). The network cards share a hub without a connection to the outside. Names and
addresses are the same at every boot of one topology. In full, the devices of story have the same addresses as in
story.
"""

MACS = {"story-left": "52:54:00:00:01:01", "story-right": "52:54:00:00:01:02", "nic": "52:54:00:00:02:01",
        "dual-0": "52:54:00:00:04:01", "dual-1": "52:54:00:00:04:02", "igb": "52:54:00:00:05:01"}
HUB = 1
DISK_BYTES = 64 << 20
CXL_BYTES = 256 << 20
HARDWARE = ["-cpu", "max,hypervisor=off"]
HOTPLUG_PORTS = 3


def device(driver, identifier, **properties):
    """The arguments for one -device."""
    return ["-device", ",".join([driver, f"id={identifier}"] +
                                [f"{name}={value}" for name, value in properties.items()])]


def root_port(identifier, place, slot=None, **properties):
    """A root port at 0x10 + place of the root bus. `slot` is the number that is printed on the case and that udev puts
    into interface names (ens1). Its default is `place`."""
    return device("pcie-root-port", identifier, bus="pcie.0", addr=f"0x{0x10 + place:x}",
                  chassis=place, slot=place if slot is None else slot, **properties)


def network_card(driver, identifier, **properties):
    """A network card on the hub, without a boot ROM."""
    return ["-netdev", f"hubport,id={identifier}-net,hubid={HUB}",
            *device(driver, identifier, netdev=f"{identifier}-net", mac=MACS[identifier],
                    romfile="", **properties)]


def disk_image(folder, name):
    """Make a new sparse image file in `folder`. Returns its path."""
    path = folder / f"{name}.img"
    with open(path, "wb") as file:
        file.truncate(DISK_BYTES)
    return path


def story(folder):
    # The bridge's own slots have the numbers 0 to 31. With SHPC the slot of the port must have another number.
    return [*root_port("story-port", 1, slot=33),
            *device("pcie-pci-bridge", "story-bridge", bus="story-port"),
            *network_card("e1000", "story-left", bus="story-bridge", addr="0x1"),
            *network_card("e1000", "story-right", bus="story-bridge", addr="0x2")]


def dual(folder):
    return [*root_port("dual-port", 2, slot=1),
            *network_card("e1000e", "dual-0", bus="dual-port", addr="0x0.0", multifunction="on"),
            *network_card("e1000e", "dual-1", bus="dual-port", addr="0x0.1", multifunction="on")]


def e1000e(folder):
    return [*root_port("nic-port", 3), *network_card("e1000e", "nic", bus="nic-port")]


def nvme(folder):
    return [*root_port("disk-port", 4),
            "-drive", f"file={disk_image(folder, 'nvme')},if=none,id=disk-drive,format=raw",
            *device("nvme", "disk", bus="disk-port", serial="vfiod-disk", drive="disk-drive")]


def sriov(folder):
    return [*root_port("sriov-port", 5),
            *device("nvme-subsys", "sriov-subsystem", nqn="vfiod-sriov"),
            *device("nvme", "sriov", bus="sriov-port", serial="vfiod-sriov", subsys="sriov-subsystem",
                    sriov_max_vfs=4, sriov_vq_flexible=8, sriov_vi_flexible=4),
            "-drive", f"file={disk_image(folder, 'sriov')},if=none,id=sriov-drive,format=raw",
            *device("nvme-ns", "sriov-namespace", drive="sriov-drive", bus="sriov", nsid=1)]


def igb(folder):
    return [*root_port("igb-port", 13), *network_card("igb", "igb", bus="igb-port")]


def usb(folder):
    return [*root_port("usb-port", 11),
            *device("qemu-xhci", "usb", bus="usb-port"),
            "-drive", f"file={disk_image(folder, 'stick')},if=none,id=stick-drive,format=raw",
            *device("usb-storage", "stick", bus="usb.0", drive="stick-drive", serial="vfiod-stick")]


def keyboard(folder):
    return [*root_port("keyboard-port", 14), *device("qemu-xhci", "keyboards", bus="keyboard-port"),
            *device("usb-kbd", "keyboard", bus="keyboards.0")]


def cxl(folder):
    return ["-machine", "cxl=on,cxl-fmw.0.targets.0=cxl-bus,cxl-fmw.0.size=1G",
            "-object", f"memory-backend-ram,id=cxl-memory,size={CXL_BYTES},share=on",
            *device("pxb-cxl", "cxl-bus", bus="pcie.0", bus_nr=64),
            *device("cxl-rp", "cxl-port", bus="cxl-bus", port=0, chassis=0, slot=20),
            *device("cxl-type3", "cxl", bus="cxl-port", **{"volatile-memdev": "cxl-memory"})]


def sound(folder):
    return [*root_port("sound-port", 12), *device("intel-hda", "sound", bus="sound-port"),
            "-audiodev", "none,id=silence", *device("hda-duplex", "codec", bus="sound.0", audiodev="silence")]


def display(folder):
    return device("VGA", "display", bus="pcie.0", addr="0x7", romfile="")


def graphics(folder):
    return [*root_port("graphics-port", 7),
            *device("bochs-display", "graphics", bus="graphics-port", addr="0x0.0", multifunction="on"),
            *device("intel-hda", "graphics-sound", bus="graphics-port", addr="0x0.1"),
            "-audiodev", "none,id=quiet", *device("hda-duplex", "graphics-codec", bus="graphics-sound.0", audiodev="quiet")]


def hotplug(folder):
    return [argument for number in range(HOTPLUG_PORTS)
            for argument in root_port(f"hot-{number}", 8 + number)]


def full(folder):
    return [argument for part in (story, dual, e1000e, nvme, sriov, hotplug) for argument in part(folder)]


def odd(folder):
    return [argument for part in (nvme, keyboard, cxl) for argument in part(folder)]


def used(folder):
    return [argument for part in (dual, e1000e, nvme, sriov, usb, sound, display) for argument in part(folder)]


def guides(folder):
    return [argument for part in (story, e1000e, nvme, igb, display, graphics) for argument in part(folder)]


def none(folder):
    return []


TOPOLOGIES = {make.__name__: make
              for make in (story, dual, e1000e, nvme, sriov, igb, usb, keyboard, cxl, sound, display, graphics, hotplug, full, odd,
                           used, guides, none)}


def arguments(name, folder):
    """The QEMU arguments of the topology `name`. Its image files are made in `folder`."""
    return TOPOLOGIES[name](folder)
