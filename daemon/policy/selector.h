/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "model/inventory.h"

/* What a client calls a device or group:
 *   0000:3b:00.0, 3b:00.0     address; without a domain, domain 0000
 *   pci_0000_3b_00_0          libvirt's name
 *   enp59s0f0, nvme0n1        host name, also one that a device had when it was detached; a partition selects its disk;
 *                             "/dev/" in front is allowed. It is the name itself, or its escaped form (base/text.h), as vfiod shows it
 *   group:25                  IOMMU group */

/* Room for the longest name of a disk in its escaped form. */
#define SELECTOR_MAX 512

typedef struct Selection {
        Device *device; /* NULL where a group was named */
        Group *group;   /* NULL for a device in no group */
} Selection;

/* Copies a selector that anybody may have sent; of one that is too long, only so much that it stays too long, and is
 * refused. To be freed; NULL without memory. */
char *selector_copy(const char *selector);

/* Returns 0 and what is selected, valid until the inventory changes; or INVALID_SELECTOR, NO_SUCH_DEVICE, NO_SUCH_GROUP with their
 * message; or -ENOMEM. */
int selector_resolve(const Inventory *inventory, const char *selector, Selection *ret, Problem *problem);

/* The same for many: ret has room for each. The devices are walked once, and a selector that stands there twice costs
 * nothing more. Returns what the first selector comes to that selects nothing. */
int selector_resolve_all(const Inventory *inventory, const char *const *selectors, size_t n_selectors, Selection *ret,
                Problem *problem);

/* The same for what is one device: a group's only endpoint can be meant by the group. NOT_ENDPOINT for a group of bridges. */
int selector_resolve_device(const Inventory *inventory, const char *selector, Device **ret, Problem *problem);
