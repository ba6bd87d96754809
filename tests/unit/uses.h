/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "temp-tree.h"
#include "usage/usage.h"

/* What a look for uses reports, as lines "storage: sda is mounted on /". */

typedef struct Uses {
        GPtrArray *lines;
        PciAddress device;  /* of the last line */
        unsigned end_after; /* this many the visitor wants no more, and says 42; 0 for never */
} Uses;

Uses *uses_new(void);
Uses *uses_free(Uses *uses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Uses, uses_free)

/* A tree, and what a look at it reports. */
typedef struct Bed {
        TempTree *tree;
        Uses *uses;
} Bed;

Bed *bed_new(void);
Bed *bed_free(Bed *bed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bed, bed_free)

/* A snapshot of the tree for one device, or for none where the address is NULL, with the limits (NULL for the usual ones).
 * It reports to uses. */
UsageSnapshot *snapshot_take(const Kernel *kernel, const char *address, const UsageLimits *limits, Uses *uses);
/* The uses of a disk, and of an interface, in a snapshot of this moment. */
int disk_uses(const Kernel *kernel, const char *disk, Uses *uses);
int interface_uses(const Kernel *kernel, const char *interface, Uses *uses);

/* The visitor; userdata is a Uses. */
int on_use(PciAddress device, UsageKind kind, const char *evidence, void *userdata);

/* Exactly these, in whatever order, and none of them twice; ends with NULL. Forgets them. */
void assert_uses(Uses *uses, ...) G_GNUC_NULL_TERMINATED;
/* Exactly one, which says this. Forgets it. */
void assert_use_says(Uses *uses, const char *kind, const char *says);

/* A process of the tree's proc/, with the mounts of its namespace. */
void put_process(TempTree *tree, int pid, const char *command, unsigned namespace, const char *mounts);
/* Who it belongs to: the real user id, and the number of the user namespace. */
void put_owner(TempTree *tree, int pid, unsigned uid, unsigned user_namespace);
/* A block device with its folder below "devices/", and what is in /sys/class/block and /dev for it. */
void put_block(TempTree *tree, const char *path, const char *number);
/* The same for a partition, which lies in its disk's folder. */
void put_partition(TempTree *tree, const char *path, const char *number);
/* That the one is built on the other; both are there. */
void put_holder(TempTree *tree, const char *below, const char *above);
