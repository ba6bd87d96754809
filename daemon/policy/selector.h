/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/spelling.h"
#include "model/inventory.h"

/* A selector is the text by which a client names a device or a group:
 *   0000:3b:00.0, 3b:00.0     address; without a domain, domain 0000
 *   pci_0000_3b_00_0          the name that libvirt uses; kernel/spelling.h knows those of other tools
 *   enp59s0f0, nvme0n1, nvme0 host name, or a host name that the device had when it was detached. A partition selects
 *                             its disk, and "/dev/" in front is allowed. The name can be escaped (base/text.h).
 *   /sys/...                  a path below the directory of the device, or one that ends with a host name
 *   group:25, /dev/vfio/25    IOMMU group */

typedef struct Selection {
        Device *device; /* NULL if a group was named */
        Group *group;   /* NULL for a device in no group */
} Selection;

/* Copies a selector that any user may have sent. Cuts one that is too long, so that it is still too long, and is
 * refused later. The caller frees the result. Returns NULL if there is no memory. */
char *selector_copy(const char *selector);

/* Resolves a selector. *ret is valid until the inventory changes. Returns 0; INVALID_SELECTOR, NO_SUCH_DEVICE,
 * NO_SUCH_GROUP; or -ENOMEM. */
int selector_resolve(const Inventory *inventory, const char *selector, Selection *ret, Problem *problem);

/* Resolves many selectors. ret has an element for each. Returns as selector_resolve() does
 * for the first selector that does not resolve. */
int selector_resolve_all(const Inventory *inventory, const char *const *selectors, size_t n_selectors, Selection *ret,
                Problem *problem);

/* Finds the one device of a selection. A group with only one endpoint selects this endpoint. Returns 0; INVALID_SELECTOR for
 * a group with more, NOT_ENDPOINT for a group that has only bridges; or -ENOMEM. */
int selection_find_device(const Selection *selection, Device **ret, Problem *problem);

/* Resolves a selector to one device. A group with only one endpoint selects this endpoint. Returns as
 * selector_resolve() does; or NOT_ENDPOINT for a group that has only bridges. */
int selector_resolve_device(const Inventory *inventory, const char *selector, Device **ret, Problem *problem);
