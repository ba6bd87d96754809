/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>

#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_PCI_BRIDGE 0x0604
#define CLASS_CARDBUS_BRIDGE 0x0607
#define CLASS_SEMI_TRANSPARENT_BRIDGE 0x0609

#define PCI_FOLDER_MAX 1024

int pci_device_open(const Kernel *kernel, PciAddress address) {
        /* The entry is a link into /sys/devices, so it is followed. */
        int fd = openat(kernel->devices_fd, PCI_ADDRESS_TEXT(address), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int read_id(int device_fd, const char *name, long maximum, long *ret) {
        return sysfs_read_number(device_fd, name, 0, maximum, ret);
}

int pci_device_read_ids(int device_fd, PciIds *ret) {
        long vendor, device, subsystem_vendor, subsystem_device, class, revision;
        int r;

        if ((r = read_id(device_fd, "vendor", UINT16_MAX, &vendor)) < 0 ||
                        (r = read_id(device_fd, "device", UINT16_MAX, &device)) < 0 ||
                        (r = read_id(device_fd, "subsystem_vendor", UINT16_MAX, &subsystem_vendor)) < 0 ||
                        (r = read_id(device_fd, "subsystem_device", UINT16_MAX, &subsystem_device)) < 0 ||
                        (r = read_id(device_fd, "class", 0xffffff, &class)) < 0 ||
                        (r = read_id(device_fd, "revision", UINT8_MAX, &revision)) < 0)
                return r;

        *ret = (PciIds){
                        .vendor = (uint16_t)vendor,
                        .device = (uint16_t)device,
                        .subsystem_vendor = (uint16_t)subsystem_vendor,
                        .subsystem_device = (uint16_t)subsystem_device,
                        .class = (uint32_t) class,
                        .revision = (uint8_t)revision,
        };
        return 0;
}

int pci_device_read_driver(int device_fd, char buffer[static DRIVER_NAME_MAX]) {
        int r = sysfs_read_link(device_fd, "driver", buffer, DRIVER_NAME_MAX);
        if (r == -ENOENT) {
                buffer[0] = '\0';
                return 0;
        }
        return r;
}

int pci_device_read_driver_of(const Kernel *kernel, PciAddress address, char buffer[static DRIVER_NAME_MAX]) {
        char path[PCI_ADDRESS_TEXT_MAX + sizeof("/driver")];

        (void)snprintf(path, sizeof(path), "%s/driver", PCI_ADDRESS_TEXT(address));
        int r = sysfs_read_link(kernel->devices_fd, path, buffer, DRIVER_NAME_MAX);
        if (r == -ENOENT) {
                buffer[0] = '\0';
                return 0;
        }
        return r;
}

/* For attributes that not every device or kernel has. */
static long read_optional(int device_fd, const char *name, long minimum, long maximum, long otherwise) {
        long value;
        return sysfs_read_number(device_fd, name, minimum, maximum, &value) < 0 ? otherwise : value;
}

static int read_group(int device_fd, int *ret) {
        char text[16], *end;

        int r = sysfs_read_link(device_fd, "iommu_group", text, sizeof(text));
        if (r == -ENOENT) {
                *ret = IOMMU_GROUP_NONE;
                return 0;
        }
        if (r < 0)
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
                /* The kernel shows this one for every function with a bridge's header, whatever its class says. */
                return faccessat(device_fd, "secondary_bus_number", F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
        }
}

const char *pci_path_format(const char *folder, char buffer[static PCI_PATH_MAX]) {
        const char *part = strstr(folder, "/pci");
        size_t length = 0;

        buffer[0] = '\0';
        for (part = part ? strchr(part + 1, '/') : NULL; part; part = strchr(part, '/')) {
                char text[PCI_ADDRESS_TEXT_MAX];
                PciAddress address;

                size_t size = strcspn(++part, "/");
                if (size >= sizeof(text))
                        return buffer[0] = '\0', buffer;
                memcpy(text, part, size);
                text[size] = '\0';
                if (pci_address_parse(text, &address) < 0)
                        return buffer[0] = '\0', buffer;
                int n = length == 0 ? snprintf(buffer, PCI_PATH_MAX, "%s", text)
                                    : snprintf(buffer + length, PCI_PATH_MAX - length, "/%02x.%x", address.slot,
                                                      address.function);
                if (n < 0 || (length += (size_t)n) >= PCI_PATH_MAX)
                        return buffer[0] = '\0', buffer;
        }
        return buffer;
}

/* Where the link of the bus leads, "" for a device that is not there. */
static void read_folder(const Kernel *kernel, PciAddress address, char buffer[static PCI_FOLDER_MAX]) {
        ssize_t n = readlinkat(kernel->devices_fd, PCI_ADDRESS_TEXT(address), buffer, PCI_FOLDER_MAX - 1);

        buffer[n < 0 ? 0 : n] = '\0';
}

const char *pci_device_read_path(const Kernel *kernel, PciAddress address, char buffer[static PCI_PATH_MAX]) {
        char folder[PCI_FOLDER_MAX];

        read_folder(kernel, address, folder);
        return pci_path_format(folder, buffer);
}

int pci_path_find_controller(const char *folder, PciAddress *ret) {
        PciAddress last, found;
        bool has_last = false, has_found = false;

        for (const char *part = strchr(folder, '/'); part; part = strchr(part, '/')) {
                char text[PCI_ADDRESS_TEXT_MAX];

                size_t size = strcspn(++part, "/");
                /* A root bus below a PCI function: "pci10000:e0". */
                if (has_last && startswith(part, "pci")) {
                        found = last;
                        has_found = true;
                }
                has_last = false;
                if (size >= sizeof(text))
                        continue;
                memcpy(text, part, size);
                text[size] = '\0';
                has_last = pci_address_parse(text, &last) >= 0;
        }
        if (!has_found)
                return -ENOENT;
        *ret = found;
        return 0;
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
        if ((r = pci_device_read_driver(device_fd, facts.driver)) < 0 || (r = read_group(device_fd, &facts.group)) < 0)
                return r;
        facts.numa_node = (int)read_optional(device_fd, "numa_node", -1, INT16_MAX, -1);
        if (sysfs_read_text(device_fd, "reset_method", facts.reset_methods, sizeof(facts.reset_methods)) < 0)
                facts.reset_methods[0] = '\0';
        facts.virtual_functions_max = (uint16_t)read_optional(device_fd, "sriov_totalvfs", 0, UINT16_MAX, 0);

        char physical_function[PCI_ADDRESS_TEXT_MAX];
        facts.virtual_function =
                        sysfs_read_link(device_fd, "physfn", physical_function, sizeof(physical_function)) >= 0 &&
                        pci_address_parse(physical_function, &facts.physical_function) >= 0;

        char path[PCI_FOLDER_MAX];
        read_folder(kernel, address, path);
        facts.behind_controller = pci_path_find_controller(path, &facts.controller) >= 0;
        /* After what a device may lack. A device that goes lacks all of it, too, but then this fails. */
        if ((r = pci_device_read_ids(device_fd, &facts.ids)) < 0)
                return r;
        facts.bridge = is_bridge(device_fd, facts.ids.class);
        facts.endpoint = !facts.bridge && facts.ids.class >> 8 != CLASS_HOST_BRIDGE;
        if (facts.ids.class >> 16 == 0x03)
                facts.boot_vga = read_optional(device_fd, "boot_vga", 0, 1, 0) > 0;

        *ret = facts;
        return 0;
}

struct visit {
        pci_device_visit_t function;
        void *userdata;
};

static int visit_entry(int directory_fd, const char *name, void *userdata) {
        const struct visit *visit = userdata;
        PciAddress address;

        (void)directory_fd;
        if (pci_address_parse(name, &address) < 0)
                return 0;
        return visit->function(address, visit->userdata);
}

int pci_device_for_each(const Kernel *kernel, pci_device_visit_t function, void *userdata) {
        return sysfs_for_each(kernel->devices_fd, ".", visit_entry, &(struct visit){function, userdata});
}

bool pci_driver_is_vfio(const char *driver) {
        return strstr(driver, "vfio");
}

bool pci_driver_leaves_dma(const char *driver) {
        return pci_driver_is_vfio(driver) || streq(driver, "pcieport") || streq(driver, "pci-stub");
}
