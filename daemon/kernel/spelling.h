/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/pci-address.h"

/* The forms in which people and other tools write the name of a PCI device or of an IOMMU group. Decides only by the
 * text: whether there is such a device is not known here. */

/* Buffer size for the longest name of a disk in its escaped form, and for most paths in sysfs. */
#define SELECTOR_MAX 512

typedef enum SpellingKind {
        SPELLING_ADDRESS,
        SPELLING_SLOT,  /* an address without its function */
        SPELLING_IDS,   /* the ids of vendor and device */
        SPELLING_GROUP, /* the number of a group; or another text after "group:" */
        SPELLING_NAME,  /* a host name: everything else */
} SpellingKind;

typedef struct Spelling {
        SpellingKind kind;
        PciAddress address; /* its function is 0 for a slot */
        uint16_t vendor, device;
        char text[SELECTOR_MAX]; /* the name, or the number of the group */
} Spelling;

/* Finds out how a selector is written. Returns 0; or INVALID_SELECTOR if it is empty, too long or has blanks inside;
 * or -ENOMEM. */
int spelling_parse(const char *selector, Spelling *ret, Problem *problem);
