/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* Every mount of the host, of each mount namespace that a process lives in: a disk that only a container has mounted is in use
 * as well. Good for saying what a disk is used for, not for saying that it is not: a file system can be mounted where no process
 * is, and name only the first of its disks. */

typedef struct Mount {
        unsigned major, minor; /* of the file system; 0 in front where it has no device of its own (btrfs, ZFS) */
        char *source;          /* "/dev/nvme0n1p2" */
        char *target;          /* "/var" */
        char *namespace;       /* "mnt:[4026531840]" */
} Mount;

typedef struct MountTable {
        Mount *mounts;
        size_t n_mounts, n_allocated;
} MountTable;

/* Reads them. A process that ends meanwhile is passed over. Returns 0 or a negative errno. */
int mount_table_read(const Kernel *kernel, MountTable *ret);
void mount_table_done(MountTable *table);

/* The first mount of a block device, by its number or by its node's path; NULL for none. */
const Mount *mount_table_find(const MountTable *table, unsigned major, unsigned minor, const char *node);

/* /proc writes a space in a path as "\040": puts such letters back, in place. Returns text. */
char *mount_unescape(char *text);
