/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "temp-tree.h"
#include "usage/usage.h"

/* The uses that a survey reports, as lines "storage: sda is mounted on /". */

typedef struct Uses {
        GPtrArray *lines;
        PciAddress device;  /* of the last line */
        uid_t reader;       /* for whom the lines are */
        unsigned end_after; /* this many the visitor wants no more, and says 42; 0 for never */
} Uses;

Uses *uses_new(void);
Uses *uses_free(Uses *uses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Uses, uses_free)

/* A tree, and the uses that a survey of it reports. */
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

/* Checks that these are all uses, in any order and none of them twice; ends with NULL. Clears the list. */
void assert_uses(Uses *uses, ...) G_GNUC_NULL_TERMINATED;
/* Checks that there is exactly one use and that it says this. Clears the list. */
void assert_use_says(Uses *uses, const char *kind, const char *says);

/* A process in the tree's proc/, with the mounts of its namespace. */
void put_process(TempTree *tree, int pid, const char *command, unsigned namespace, const char *mounts);
/* The owner of a process: the real user id, and the number of the user namespace. */
void put_owner(TempTree *tree, int pid, unsigned uid, unsigned user_namespace);
/* A block device with its folder below "devices/", and its entries in /sys/class/block and /dev. */
void put_block(TempTree *tree, const char *path, const char *number);
/* The same for a partition, which is in the folder of its disk. */
void put_partition(TempTree *tree, const char *path, const char *number);
/* Makes one block device the holder of the other; both must exist. */
void put_holder(TempTree *tree, const char *below, const char *above);
