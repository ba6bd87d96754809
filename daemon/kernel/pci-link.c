/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-link.h"
#include "kernel/pci-facts.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>

/* "8.0 GT/s PCIe" is 8000; "Unknown", or no PCIe link, is 0. */
static uint32_t read_speed(int device_fd, const char *name) {
        char text[32], *end;

        if (sysfs_read_text(device_fd, name, text, sizeof(text)) < 0)
                return 0;
        unsigned long whole = strtoul(text, &end, 10);
        unsigned long tenth = end[0] == '.' && end[1] >= '0' && end[1] <= '9' ? (unsigned long)(end[1] - '0') : 0;
        return end == text || whole > PCI_LINK_SPEED_MAX / 1000 ? 0 : (uint32_t)(whole * 1000 + tenth * 100);
}

/* The kernel prints 255 for an unknown width. */
static uint8_t read_width(int device_fd, const char *name) {
        long width;

        if (sysfs_read_number(device_fd, name, 0, UINT8_MAX, &width) < 0 || width == UINT8_MAX)
                return 0;
        return (uint8_t)width;
}

bool pci_device_is_awake(int device_fd) {
        char status[32];

        /* Without power management ("unsupported", or no attribute), the device is always on. */
        if (sysfs_read_text(device_fd, "power/runtime_status", status, sizeof(status)) < 0)
                return true;
        return streq(status, "active") || streq(status, "unsupported");
}

int pci_device_read_link(const Kernel *kernel, PciAddress address, const PciLinkReading *known, PciLinkReading *ret) {
        _cleanup_close_ int device_fd = pci_device_open(kernel, address);
        struct stat folder;

        if (device_fd < 0)
                return device_fd;
        if (fstat(device_fd, &folder) < 0)
                return -errno;
        PciLinkReading reading = {
                        .address = address,
                        .incarnation = folder.st_ino,
                        .awake = pci_device_is_awake(device_fd),
        };
        /* What an earlier read did not get is read again. */
        PciLink before = known && known->incarnation == reading.incarnation ? known->link : (PciLink){};
        if (reading.awake)
                reading.link.speed_max =
                                before.speed_max > 0 ? before.speed_max : read_speed(device_fd, "max_link_speed");
        if (reading.link.speed_max > 0) {
                reading.link.width_max =
                                before.width_max > 0 ? before.width_max : read_width(device_fd, "max_link_width");
                reading.link.speed = read_speed(device_fd, "current_link_speed");
                reading.link.width = read_width(device_fd, "current_link_width");
        }
        *ret = reading;
        return 0;
}

bool pci_device_is_express(const Kernel *kernel, PciAddress address) {
        return faccessat(kernel->devices_fd, SYSFS_PATH("%s/max_link_speed", PCI_ADDRESS_TEXT(address)), F_OK,
                               AT_SYMLINK_NOFOLLOW) >= 0;
}
