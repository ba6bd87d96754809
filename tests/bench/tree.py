# SPDX-License-Identifier: GPL-2.0-or-later
"""A constructed /sys with any number of PCI functions.

    functions = Tree(folder).build(1000)

The machine has blocks of 100 functions, 16 blocks a PCI domain. A block has a host bridge, 8 root ports, a chipset group of
3, a USB controller, 4 NVMe disks, a GPU with its sound function in one group, two network cards with two ports, and one
SR-IOV card; the rest are its virtual functions, 4 of them on vfio-pci. The GPU of the first block is the boot display.
10 functions are one small host of its own. Each function has the attributes, links and class folders that vfiod, lspci and
libvirt read. devices/system is an empty folder.
"""

import os
import struct

PCI_BRIDGE, PCI_EXPRESS = 1, 0x10
NICS = [((0x8086, 0x1572), "i40e"), ((0x8086, 0x1592), "ice"), ((0x15b3, 0x1019), "mlx5_core"), ((0x14e4, 0x16d7), "bnxt_en")]
SRIOV = [((0x8086, 0x1592), (0x8086, 0x1889), "ice", "iavf"), ((0x15b3, 0x101d), (0x15b3, 0x101e), "mlx5_core", "mlx5_core"),
         ((0x8086, 0x1572), (0x8086, 0x154c), "i40e", "iavf")]
DISKS = [(0x144d, 0xa80a), (0x1c5c, 0x174a), (0x8086, 0x0a54), (0x1344, 0x51c0), (0x15b7, 0x5011)]
GPUS = [((0x10de, 0x2484), (0x10de, 0x228b)), ((0x10de, 0x2230), (0x10de, 0x1aef)), ((0x1002, 0x73bf), (0x1002, 0xab28))]
SUBSYSTEM = (0x1af4, 0x1100)

FOLDERS = ("bus/pci/devices", "bus/pci/drivers", "bus/pci/slots", "class/net", "class/block", "class/nvme", "class/iommu",
           "kernel/iommu_groups", "devices/system", "module", "firmware/acpi/tables", "fs/cgroup")
# The same for each function.
CONSTANT = {
    "resource": "0x00000000f0000000 0x00000000f00fffff 0x0000000000140204\n"
                + "0x0000000000000000 0x0000000000000000 0x0000000000000000\n" * 6,
    "irq": "24\n", "enable": "1\n", "local_cpulist": "0-1\n", "power_state": "D0\n", "d3cold_allowed": "1\n",
    "driver_override": "(null)\n", "msi_bus": "1\n", "power/control": "on\n",
}


class Files:
    """Folders, files and links below a root."""

    def __init__(self, root):
        self.root = root
        self.made = set()

    def folder(self, path):
        """Make a folder. Return False if it was made before."""
        if path in self.made:
            return False
        os.makedirs(f"{self.root}/{path}", exist_ok=True)
        self.made.add(path)
        return True

    def write(self, path, text):
        descriptor = os.open(f"{self.root}/{path}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        os.write(descriptor, text if isinstance(text, bytes) else text.encode())
        os.close(descriptor)

    def write_all(self, folder, texts):
        for name, text in texts.items():
            self.write(f"{folder}/{name}", text)

    def link(self, path, target):
        os.symlink(os.path.relpath(target, os.path.dirname(path)), f"{self.root}/{path}")


def config_space(address, ids, class_code, subsystem, revision, bus_below):
    config = bytearray(256)
    struct.pack_into("<HHHHBBBBBBBB", config, 0, *ids, 0x0406, 0x0010, revision, class_code & 255, class_code >> 8 & 255,
                     class_code >> 16, 16, 0, 0 if bus_below is None else PCI_BRIDGE, 0)
    if bus_below is None:
        struct.pack_into("<HH", config, 0x2c, *subsystem)
    else:
        config[0x18:0x1b] = bytes([int(address.split(":")[1], 16), bus_below, bus_below])
    config[0x34] = 0x40  # the first capability
    kind = 0x0002 if bus_below is None else 0x0042
    struct.pack_into("<BBHIHHIHH", config, 0x40, PCI_EXPRESS, 0, kind, 0x10008fc1, 0x2910, 0, 0x00427844, 0, 0x1083)
    return bytes(config)


class Tree(Files):
    def __init__(self, root):
        super().__init__(root)
        self.groups = self.interfaces = self.disks = 0

    def build(self, functions):
        """Make the tree. Return the number of functions."""
        for path in FOLDERS:
            self.folder(path)
        self.write_all("bus/pci", {"drivers_probe": "1\n", "drivers_autoprobe": "1\n", "rescan": "1\n", "uevent": "1\n"})
        self.write("firmware/acpi/tables/DMAR", "DMAR")
        self.folder("devices/virtual/iommu/dmar0")
        self.link("class/iommu/dmar0", "devices/virtual/iommu/dmar0")
        self.folder("devices/virtual/net/lo")
        self.write_all("devices/virtual/net/lo", {"address": "00:00:00:00:00:00\n", "ifindex": "1\n"})
        self.link("class/net/lo", "devices/virtual/net/lo")
        self.driver("vfio-pci")
        made = 0
        while made < functions:
            block = Block(self, made // 100, min(100, functions - made))
            if functions == 10:
                block.build_small()
            else:
                block.build()
            made += block.made
        return made

    def driver(self, name):
        path = f"bus/pci/drivers/{name}"
        if self.folder(path):
            self.write_all(path, dict.fromkeys(("bind", "unbind", "new_id", "remove_id", "uevent"), ""))
            module = name.replace("-", "_")
            self.folder(f"module/{module}/drivers")
            self.link(f"{path}/module", f"module/{module}")
        return path

    def group(self, number):
        path = f"kernel/iommu_groups/{number}"
        if self.folder(path):
            self.folder(f"{path}/devices")
            self.write_all(path, {"type": "DMA-FQ\n", "reserved_regions": "0x00000000fee00000 0x00000000feefffff msi\n"})
        return path

    def new_group(self):
        self.groups += 1
        return self.groups - 1

    def function(self, address, parent, ids, class_code, group, revision=1, driver=None, link_speed=None, reset=None,
                 boot_vga=None, bus_below=None, physical=None, virtual=0, numa=0):
        """Make the folder of a function and all links to it. Return its path."""
        path = f"{parent}/{address}"
        self.folder(path)
        self.folder(f"{path}/power")
        self.write_all(path, CONSTANT)
        names = ("vendor", "device", "subsystem_vendor", "subsystem_device")
        self.write_all(path, {name: f"0x{number:04x}\n" for name, number in zip(names, ids + SUBSYSTEM)})
        alias = "pci:v{:08X}d{:08X}sv{:08X}sd{:08X}".format(*ids, *SUBSYSTEM)
        alias += f"bc{class_code >> 16:02X}sc{class_code >> 8 & 255:02X}i{class_code & 255:02X}"
        self.write_all(path, {
            "class": f"0x{class_code:06x}\n", "revision": f"0x{revision:02x}\n", "modalias": alias + "\n",
            "numa_node": f"{numa}\n", "config": config_space(address, ids, class_code, SUBSYSTEM, revision, bus_below),
            "uevent": (f"DRIVER={driver}\n" if driver else "") + f"PCI_CLASS={class_code:X}\nPCI_ID={ids[0]:04X}:{ids[1]:04X}\n"
                      f"PCI_SUBSYS_ID={SUBSYSTEM[0]:04X}:{SUBSYSTEM[1]:04X}\nPCI_SLOT_NAME={address}\nMODALIAS={alias}\n"})
        if link_speed:
            self.write_all(path, {"current_link_speed": f"{link_speed} GT/s PCIe\n", "max_link_speed": f"{link_speed} GT/s PCIe\n",
                                  "current_link_width": "8\n", "max_link_width": "8\n"})
        if reset:
            self.write(f"{path}/reset_method", reset + "\n")
        if boot_vga is not None:
            self.write(f"{path}/boot_vga", f"{boot_vga}\n")
        if bus_below is not None:
            self.write_all(path, {"secondary_bus_number": f"{bus_below}\n", "subordinate_bus_number": f"{bus_below}\n"})
        if virtual:
            self.write_all(path, {"sriov_totalvfs": f"{virtual}\n", "sriov_numvfs": f"{virtual}\n",
                                  "sriov_drivers_autoprobe": "1\n"})
        if physical:
            self.link(f"{path}/physfn", physical)
        self.link(f"{path}/subsystem", "bus/pci")
        self.link(f"bus/pci/devices/{address}", path)
        if driver:
            self.link(f"{path}/driver", self.driver(driver))
            self.link(f"{self.driver(driver)}/{address}", path)
        self.link(f"{path}/iommu_group", self.group(group))
        self.link(f"{self.group(group)}/devices/{address}", path)
        return path

    def interface(self, device, name):
        self.interfaces += 1
        number = self.interfaces
        path = f"{device}/net/{name}"
        self.folder(path)
        mac = "52:54:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(4, "big"))
        self.write_all(path, {"address": mac + "\n", "ifindex": f"{number + 1}\n", "operstate": "down\n", "type": "1\n",
                              "uevent": f"INTERFACE={name}\nIFINDEX={number + 1}\n"})
        self.link(f"{path}/device", device)
        self.link(f"{path}/subsystem", "class/net")
        self.link(f"class/net/{name}", path)

    def disk(self, device):
        number = self.disks
        self.disks += 1
        controller = f"{device}/nvme/nvme{number}"
        self.folder(controller)
        self.link(f"{controller}/device", device)
        self.link(f"{controller}/subsystem", "class/nvme")
        self.link(f"class/nvme/nvme{number}", controller)
        self.write_all(controller, {"uevent": "MAJOR=240\n", "model": "Constructed NVMe\n"})
        self.block_device(f"{controller}/nvme{number}n1", number, {"hidden": "0\n"})
        self.block_device(f"{controller}/nvme{number}n1/nvme{number}n1p1", number, {"partition": "1\n"})

    def block_device(self, path, number, more):
        name = os.path.basename(path)
        self.folder(path)
        self.write_all(path, {"dev": f"259:{number}\n", "size": "2000409264\n", "ro": "0\n", "removable": "0\n",
                              "uevent": f"MAJOR=259\nMINOR={number}\nDEVNAME={name}\nDEVTYPE=disk\n", **more})
        self.link(f"{path}/subsystem", "class/block")
        self.link(f"class/block/{name}", path)


class Block:
    """The functions of a block, until `limit` functions are made."""

    def __init__(self, tree, index, limit):
        self.tree, self.index, self.limit = tree, index, limit
        self.domain, self.bus = index // 16, index % 16 * 16
        self.root = f"devices/pci{self.domain:04x}:{self.bus:02x}"
        self.made = 0
        self.ports = []

    def add(self, bus, place, parent, ids, class_code, group=None, **facts):
        """Make the function; `place` is "SLOT.FUNCTION". Return its path, or None at the limit."""
        if self.made == self.limit:
            return None
        self.made += 1
        if group is None:
            group = self.tree.new_group()
        return self.tree.function(f"{self.domain:04x}:{bus:02x}:{place}", parent, ids, class_code, group, numa=self.index & 1,
                                  **facts)

    def below(self, port, place, ids, class_code, **facts):
        """Make a function below a root port."""
        return self.add(self.bus + 1 + port, place, self.ports[port], ids, class_code, **facts)

    def add_ports(self, count):
        self.add(self.bus, "00.0", self.root, (0x8086, 0x2020), 0x060000)
        for port in range(count):
            self.ports.append(self.add(self.bus, f"{port + 1:02x}.0", self.root, (0x8086, 0x2030), 0x060400, revision=4,
                                       driver="pcieport", link_speed="16.0", bus_below=self.bus + 1 + port, reset="pm bus"))

    def add_disk(self, number, port):
        path = self.below(port, "00.0", DISKS[(self.index + number) % len(DISKS)], 0x010802, driver="nvme", link_speed="16.0",
                          reset="flr bus")
        if path:
            self.tree.disk(path)

    def add_card(self, number, port, group):
        ids, driver = NICS[(self.index + number) % len(NICS)]
        for function in range(2):
            path = self.below(port, f"00.{function}", ids, 0x020000, driver=driver, revision=2, group=group, link_speed="8.0",
                              reset="flr bus")
            if path:
                self.tree.interface(path, f"ens{self.index}c{number}f{function}")

    def build_small(self):
        self.add_ports(2)
        chipset = self.tree.new_group()
        self.add(self.bus, "1f.0", self.root, (0x8086, 0xa1c1), 0x060100, group=chipset)
        self.add(self.bus, "1f.4", self.root, (0x8086, 0xa1a3), 0x0c0500, driver="i801_smbus", group=chipset)
        self.add_disk(0, 0)
        self.add_card(0, 1, None)
        self.below(0, "01.0", GPUS[0][0], 0x030000, revision=0xa1, link_speed="16.0", reset="bus", boot_vga=1)
        self.below(0, "02.0", (0x1b36, 0x0010), 0x010802, reset="flr")

    def build(self):
        self.add_ports(8)
        chipset = self.tree.new_group()
        self.add(self.bus, "1f.0", self.root, (0x8086, 0xa1c1), 0x060100, group=chipset)
        self.add(self.bus, "1f.2", self.root, (0x8086, 0xa182), 0x010601, driver="ahci", group=chipset)
        self.add(self.bus, "1f.4", self.root, (0x8086, 0xa1a3), 0x0c0500, driver="i801_smbus", group=chipset)
        self.add(self.bus, "14.0", self.root, (0x8086, 0xa1af), 0x0c0330, driver="xhci_hcd", reset="pm")
        for number in range(4):
            self.add_disk(number, number)
        self.add_gpu()
        self.add_card(0, 5, None)
        self.add_card(1, 6, self.tree.new_group())
        self.add_virtual_functions()

    def add_gpu(self):
        display, sound = GPUS[self.index % len(GPUS)]
        group = self.tree.new_group()
        self.below(4, "00.0", display, 0x030000, revision=0xa1, driver="nouveau", group=group, link_speed="16.0", reset="bus",
                   boot_vga=int(self.index == 0))
        self.below(4, "00.1", sound, 0x040300, revision=0xa1, driver="snd_hda_intel", group=group, link_speed="16.0", reset="bus")

    def add_virtual_functions(self):
        ids, virtual_ids, driver, virtual_driver = SRIOV[self.index % len(SRIOV)]
        count = self.limit - self.made - 1
        physical = self.below(7, "00.0", ids, 0x020000, revision=2, driver=driver, link_speed="16.0", reset="flr bus",
                              virtual=count)
        self.tree.interface(physical, f"ens{self.index}f0np0")
        for number in range(count):
            slot, function = divmod(number + 8, 8)
            bound = "vfio-pci" if number < 4 else virtual_driver if number % 2 else None
            path = self.below(7, f"{slot:02x}.{function}", virtual_ids, 0x020000, revision=2, driver=bound, link_speed="16.0",
                              reset="flr", physical=physical)
            self.tree.link(f"{physical}/virtfn{number}", path)
            if bound == virtual_driver:
                self.tree.interface(path, f"ens{self.index}f0v{number}")
