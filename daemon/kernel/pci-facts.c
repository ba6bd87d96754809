/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"
#include "kernel/iommu.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_PCI_BRIDGE 0x0604
#define CLASS_CARDBUS_BRIDGE 0x0607
#define CLASS_SEMI_TRANSPARENT_BRIDGE 0x0609

#define PCI_FOLDER_MAX 1024

/* Longer than the kernel's, which has 54 characters. */
#define MODALIAS_MAX 96

int pci_device_open(const Kernel *kernel, PciAddress address) {
        /* The entry is a link to a directory in /sys/devices. */
        int fd = openat(kernel->devices_fd, PCI_ADDRESS_TEXT(address), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Parses "pci:v00008086d000010D3sv000015D9sd000010D3bc02sc00i00" (modalias_show() in drivers/pci/pci-sysfs.c): all ids but the revision.
 * Returns whether it is one. */
static bool parse_modalias(const char *text, PciIds *ret) {
        unsigned vendor, device, subsystem_vendor, subsystem_device, base, subclass, interface;
        int length = -1;

        int n = sscanf(text, "pci:v%8Xd%8Xsv%8Xsd%8Xbc%2Xsc%2Xi%2X%n", &vendor, &device, &subsystem_vendor,
                        &subsystem_device, &base, &subclass, &interface, &length);
        if (n != 7 || length < 0 || text[length] != '\0' ||
                        (vendor | device | subsystem_vendor | subsystem_device) > UINT16_MAX)
                return false;
        *ret = (PciIds){
                        .vendor = (uint16_t)vendor,
                        .device = (uint16_t)device,
                        .subsystem_vendor = (uint16_t)subsystem_vendor,
                        .subsystem_device = (uint16_t)subsystem_device,
                        .class = (base << 16 | subclass << 8 | interface) & PCI_CLASS_MAX,
        };
        return true;
}

/* Reads one attribute for each id. */
static int read_single_ids(int device_fd, PciIds *ret) {
        static const struct {
                const char *name;
                long maximum;
        } attributes[] = {
                        {"vendor", UINT16_MAX},
                        {"device", UINT16_MAX},
                        {"subsystem_vendor", UINT16_MAX},
                        {"subsystem_device", UINT16_MAX},
                        {"class", PCI_CLASS_MAX},
        };
        long values[ELEMENTSOF(attributes)];

        for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
                int r = sysfs_read_number(device_fd, attributes[i].name, 0, attributes[i].maximum, &values[i]);
                if (r < 0)
                        return r;
        }
        *ret = (PciIds){(uint16_t)values[0], (uint16_t)values[1], (uint16_t)values[2], (uint16_t)values[3],
                        (uint32_t)values[4] & PCI_CLASS_MAX, 0};
        return 0;
}

int pci_device_read_ids(int device_fd, PciIds *ret) {
        char modalias[MODALIAS_MAX];
        long revision;
        PciIds ids;

        int r = sysfs_read_number(device_fd, "revision", 0, UINT8_MAX, &revision);
        if (r < 0)
                return r;
        /* One file instead of five. */
        if (sysfs_read_text(device_fd, "modalias", modalias, sizeof(modalias)) < 0 || !parse_modalias(modalias, &ids))
                r = read_single_ids(device_fd, &ids);
        if (r < 0)
                return r;
        ids.revision = (uint8_t)revision;
        *ret = ids;
        return 0;
}

/* Reads the last component of a link, "" if there is no link. */
static int read_optional_link(int directory_fd, const char *name, char *buffer, size_t size) {
        int r = sysfs_read_link(directory_fd, name, buffer, size);
        if (r == -ENOENT)
                buffer[0] = '\0';
        return r == -ENOENT ? 0 : r;
}

int pci_device_read_driver(int device_fd, char buffer[static DRIVER_NAME_MAX]) {
        return read_optional_link(device_fd, "driver", buffer, DRIVER_NAME_MAX);
}

int pci_device_read_driver_of(const Kernel *kernel, PciAddress address, char buffer[static DRIVER_NAME_MAX]) {
        return read_optional_link(kernel->devices_fd, SYSFS_PATH("%s/driver", PCI_ADDRESS_TEXT(address)), buffer,
                        DRIVER_NAME_MAX);
}

/* Reads an attribute that not every device or kernel has. */
static long read_optional(int device_fd, const char *name, long minimum, long maximum, long otherwise) {
        long value;
        return sysfs_read_number(device_fd, name, minimum, maximum, &value) < 0 ? otherwise : value;
}

int pci_device_read_group(int device_fd, int *ret) {
        char text[16], *end;

        int r = read_optional_link(device_fd, "iommu_group", text, sizeof(text));
        *ret = IOMMU_GROUP_NONE;
        if (r < 0 || text[0] == '\0')
                return r;
        errno = 0;
        long number = strtol(text, &end, 10);
        if (errno > 0 || end == text || *end != '\0' || number < 0 || number > INT32_MAX)
                return -EINVAL;
        *ret = (int)number;
        return 0;
}

static bool is_bridge(int device_fd, uint32_t class) {
        switch (class >> 8) {
        case CLASS_PCI_BRIDGE:
        case CLASS_CARDBUS_BRIDGE:
        case CLASS_SEMI_TRANSPARENT_BRIDGE:
                return true;
        default:
                /* The kernel has this attribute for every function with the header of a bridge, of any class. */
                return faccessat(device_fd, "secondary_bus_number", F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
        }
}

/* Tells whether the component of a path is a root bus: "pci0000:00", or "pci10000:e0" below a controller. */
static bool is_root_bus(const char *part) {
        const char *numbers = startswith(part, "pci");
        char text[PCI_ADDRESS_TEXT_MAX];
        PciAddress address;

        return numbers &&
                        snprintf(text, sizeof(text), "%.*s:00.0", (int)strcspn(numbers, "/"), numbers) <
                        (int)sizeof(text) &&
                        pci_address_parse(text, &address) >= 0;
}

const char *pci_path_format(const char *folder, char buffer[static PCI_PATH_MAX]) {
        bool is_on_bus = false, is_valid = false;
        size_t length = 0;
        PciAddress address;

        buffer[0] = '\0';
        for (const char *part = strchr(folder, '/'); part; part = strchr(part, '/')) {
                part++;
                if (is_root_bus(part)) {
                        is_on_bus = true;
                        is_valid = false;
                        continue;
                }
                if (!is_on_bus)
                        continue;
                is_valid = pci_address_parse_component(part, &address);
                if (!is_valid)
                        break;
                if (length == 0)
                        length = strlen(pci_address_format(address, buffer));
                else
                        length += (size_t)snprintf(buffer + length, PCI_PATH_MAX - length, "/%02x.%x", address.slot,
                                        address.function);
                is_valid = length < PCI_PATH_MAX;
                if (!is_valid)
                        break;
        }
        if (!is_valid)
                buffer[0] = '\0';
        return buffer;
}

/* Reads the target of the link in /sys/bus/pci/devices, "" if there is no device. */
static void read_folder(const Kernel *kernel, PciAddress address, char buffer[static PCI_FOLDER_MAX]) {
        ssize_t n = readlinkat(kernel->devices_fd, PCI_ADDRESS_TEXT(address), buffer, PCI_FOLDER_MAX - 1);

        buffer[n < 0 ? 0 : n] = '\0';
}

const char *pci_device_read_path(const Kernel *kernel, PciAddress address, char buffer[static PCI_PATH_MAX]) {
        char folder[PCI_FOLDER_MAX];

        read_folder(kernel, address, folder);
        return pci_path_format(folder, buffer);
}

const char *pci_device_read_branch(const Kernel *kernel, PciAddress address, char buffer[static PCI_BRANCH_MAX]) {
        char folder[PCI_FOLDER_MAX];

        read_folder(kernel, address, folder);
        const char *branch = strstr(folder, "/devices/");
        branch = branch ? branch + strlen("/devices/") : "";
        if (strlen(branch) >= PCI_BRANCH_MAX)
                branch = "";
        (void)snprintf(buffer, PCI_BRANCH_MAX, "%.*s", PCI_BRANCH_MAX - 1, branch);
        return buffer;
}

int pci_path_find_controller(const char *folder, PciAddress *ret) {
        bool is_function = false, found = false;
        PciAddress function;

        for (const char *part = strchr(folder, '/'); part; part = strchr(part, '/')) {
                part++;
                /* A root bus below a PCI function: "pci10000:e0". */
                if (is_function && startswith(part, "pci")) {
                        *ret = function;
                        found = true;
                }
                is_function = pci_address_parse_component(part, &function);
        }
        return found ? 0 : -ENOENT;
}

int pci_path_find_upstream(const char *folder, PciAddress *ret) {
        const char *last = strrchr(folder, '/'), *part = last;

        while (part && part > folder && part[-1] != '/')
                part--;
        return part && part != last && pci_address_parse_component(part, ret) ? 0 : -ENOENT;
}

/* A new node has a new directory in sysfs. The number of its inode is not used again soon. */
static uint32_t read_inode(int directory_fd, const char *path) {
        struct stat status;

        return fstatat(directory_fd, path, &status, 0) < 0 ? 0 : (uint32_t)status.st_ino;
}

static uint32_t read_group_node(const Kernel *kernel, int group, bool no_iommu) {
        const char *name = VFIO_NODE_TEXT(group, no_iommu) + strlen("/dev/vfio/");
        return read_inode(kernel->sys_fd, SYSFS_PATH("class/vfio/%s", name));
}

/* A group in the no-IOMMU mode has a node of another name. So the node of the usual name tells all with one look-up. */
static void find_group_node(const Kernel *kernel, PciFacts *facts) {
        facts->nodes = read_group_node(kernel, facts->group, false);
        facts->group_node = facts->nodes != 0;
        if (facts->group_node)
                return;
        facts->group_node = vfio_has_group_nodes(kernel);
        facts->no_iommu = iommu_group_has_no_iommu(kernel, facts->group);
        if (facts->group_node && facts->no_iommu)
                facts->nodes = read_group_node(kernel, facts->group, true);
}

/* Finds the nodes that a virtual machine can open for a device on a vfio driver. In the middle of a probe there may be no cdev
 * yet: an event follows. */
static void find_nodes(const Kernel *kernel, int device_fd, PciFacts *facts) {
        VfioCdev cdev;

        if (!pci_driver_is_vfio(facts->driver))
                return;
        if (facts->group != IOMMU_GROUP_NONE)
                find_group_node(kernel, facts);
        if (vfio_cdev_read(device_fd, &cdev) <= 0)
                return;
        facts->has_cdev = true;
        facts->cdev = cdev.index;
        facts->nodes = facts->nodes * 31 + read_inode(device_fd, SYSFS_PATH("vfio-dev/vfio%u", cdev.index));
}

bool pci_device_is_vf(int device_fd, PciAddress *ret_physical) {
        char text[PCI_ADDRESS_TEXT_MAX];

        return sysfs_read_link(device_fd, "physfn", text, sizeof(text)) >= 0 &&
                        pci_address_parse(text, ret_physical) >= 0;
}

/* Reads the facts that change with the driver, or with the state of the IOMMU. */
static int read_binding_facts(const Kernel *kernel, int device_fd, PciFacts *facts) {
        int r = pci_device_read_driver(device_fd, facts->driver);
        if (r < 0 || (r = pci_device_read_group(device_fd, &facts->group)) < 0)
                return r;
        facts->no_iommu = false;
        facts->group_node = false;
        facts->has_cdev = false;
        facts->cdev = 0;
        facts->nodes = 0;
        find_nodes(kernel, device_fd, facts);
        return 0;
}

/* A driver can lower the number. */
static void read_virtual_functions_max(int device_fd, PciFacts *facts) {
        facts->virtual_functions_max = (uint16_t)read_optional(device_fd, "sriov_totalvfs", 0, UINT16_MAX, 0);
}

/* The boot display is another one after the first one has gone. */
static void read_boot_vga(int device_fd, PciFacts *facts) {
        facts->boot_vga = facts->ids.class >> 16 == 0x03 && read_optional(device_fd, "boot_vga", 0, 1, 0) > 0;
}

int pci_device_read_facts(const Kernel *kernel, PciAddress address, PciFacts *ret) {
        _cleanup_close_ int device_fd = pci_device_open(kernel, address);
        if (device_fd < 0)
                return device_fd;

        PciFacts facts = {.address = address};
        struct stat folder;
        int r;

        if (fstat(device_fd, &folder) < 0)
                return -errno;
        facts.incarnation = folder.st_ino;
        if ((r = read_binding_facts(kernel, device_fd, &facts)) < 0)
                return r;
        facts.numa_node = (int)read_optional(device_fd, "numa_node", -1, INT16_MAX, -1);
        if (sysfs_read_text(device_fd, "reset_method", facts.reset_methods, sizeof(facts.reset_methods)) < 0)
                facts.reset_methods[0] = '\0';
        read_virtual_functions_max(device_fd, &facts);

        facts.virtual_function = pci_device_is_vf(device_fd, &facts.physical_function);

        char path[PCI_FOLDER_MAX];
        read_folder(kernel, address, path);
        facts.has_upstream = pci_path_find_upstream(path, &facts.upstream) >= 0;
        facts.behind_controller = pci_path_find_controller(path, &facts.controller) >= 0;
        /* This is read last: if the device has gone, the optional attributes above are missing, but this fails. */
        if ((r = pci_device_read_ids(device_fd, &facts.ids)) < 0)
                return r;
        facts.bridge = is_bridge(device_fd, facts.ids.class);
        facts.endpoint = !facts.bridge && facts.ids.class >> 8 != CLASS_HOST_BRIDGE;
        read_boot_vga(device_fd, &facts);

        *ret = facts;
        return 0;
}

int pci_device_read_changes(const Kernel *kernel, PciFacts *facts) {
        PciFacts now = *facts;
        struct stat folder;

        _cleanup_close_ int device_fd = pci_device_open(kernel, facts->address);
        if (device_fd < 0)
                return device_fd;
        if (fstat(device_fd, &folder) < 0)
                return -errno;
        if (folder.st_ino != facts->incarnation)
                return -ESTALE;
        int r = read_binding_facts(kernel, device_fd, &now);
        if (r < 0)
                return r;
        /* The driver lowers it in its probe, when the link to the driver exists already. */
        if (facts->virtual_functions_max > 0 || !streq(now.driver, facts->driver))
                read_virtual_functions_max(device_fd, &now);
        read_boot_vga(device_fd, &now);
        /* The kernel makes the link to the PF after it has sent the first event of a VF, but before any driver can bind. So a
         * device that had a driver at the last reading had the link then, too, if it is a VF. */
        if (!now.virtual_function && facts->driver[0] == '\0')
                now.virtual_function = pci_device_is_vf(device_fd, &now.physical_function);
        *facts = now;
        return 0;
}

int pci_device_for_each(const Kernel *kernel, pci_device_visit_t callback, void *userdata) {
        _cleanup_closedir_ DIR *folder = NULL;
        int result = 0;
        const char *name;
        PciAddress address;

        int r = sysfs_open_folder(kernel->devices_fd, ".", &folder);
        while (r >= 0 && result == 0 && (r = sysfs_next(folder, &name)) > 0)
                if (pci_address_parse(name, &address) >= 0)
                        result = callback(address, userdata);
        return r < 0 ? r : result;
}

bool pci_driver_leaves_dma(const char *driver) {
        return pci_driver_is_vfio(driver) || streq(driver, "pcieport") || streq(driver, "pci-stub");
}
