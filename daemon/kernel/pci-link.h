/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/pci-address.h"

/* The PCIe link of a PCI function. */

typedef struct PciLink {
        uint32_t speed : 24;     /* MT/s, at most PCI_LINK_SPEED_MAX; 0 for none or not known */
        uint32_t width : 8;      /* lanes; 0 for none or not known */
        uint32_t speed_max : 24; /* the highest speed of the device, MT/s */
        uint32_t width_max : 8;  /* the most lanes of the device */
} PciLink;

/* Far above any link: PCIe 7.0 has 128,000 MT/s. */
#define PCI_LINK_SPEED_MAX 9999900

static inline bool pci_link_equal(const PciLink *a, const PciLink *b) {
        return a->speed == b->speed && a->speed_max == b->speed_max && a->width == b->width &&
                        a->width_max == b->width_max;
}

typedef struct PciLinkReading {
        PciAddress address;
        uint64_t incarnation; /* as in PciFacts */
        bool awake;           /* false for a suspended device: its link was not read, and is 0 */
        PciLink link;
} PciLinkReading;

/* Tells whether the device is not suspended. device_fd is its open sysfs directory. Does not block. */
bool pci_device_is_awake(int device_fd);

/* Reads the link, unless the device is suspended. Since late 2025, the kernel wakes up the device for this: that takes about a
 * second, and blocks for ever if the device is dead, so only child processes call this. known is an earlier reading, or NULL: the
 * maximum of a card does not change, so it is not read again. Returns 0; -ENOENT or -ENODEV if the
 * device is gone; or another negative errno. */
int pci_device_read_link(const Kernel *kernel, PciAddress address, const PciLinkReading *known, PciLinkReading *ret);

/* Tells whether it is a device of PCI Express, which may have no link if it is part of the root complex: the kernel then has the
 * attributes of the link. Does not block. */
bool pci_device_is_express(const Kernel *kernel, PciAddress address);
