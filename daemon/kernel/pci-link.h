/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/pci-address.h"

/* The PCIe link of a function. */

typedef struct PciLink {
        uint32_t speed, speed_max; /* MT/s; 0 for none or not known */
        uint8_t width, width_max;  /* lanes; 0 for none or not known */
} PciLink;

static inline bool pci_link_equal(const PciLink *a, const PciLink *b) {
        return a->speed == b->speed && a->speed_max == b->speed_max && a->width == b->width &&
                        a->width_max == b->width_max;
}

typedef struct PciLinkReading {
        PciAddress address;
        uint64_t incarnation; /* of PciFacts: which card was read */
        bool awake;           /* false for a device that is suspended: its link was not read, and is all 0 */
        PciLink link;
} PciLinkReading;

/* Reads the link. Since late 2025 the kernel wakes up the device for that: it takes about a second, and does not come back for a device that is
 * dead. So this is for child processes only, and it leaves alone what is suspended. Returns 0; -ENOENT or -ENODEV when the device is gone; another negative
 * errno. */
int pci_device_read_link(const Kernel *kernel, PciAddress address, PciLinkReading *ret);
