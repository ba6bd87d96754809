/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/processes.h"

/* The mounted file systems of the host, of each mount namespace that a process lives in: a disk that only a container has mounted is in use as well.
 *
 * What shows that a disk is mounted:
 * - the device number of the file system. The kernel itself writes it, so nobody can fake it. An ordinary user can mount a file system of a disk a second
 *   time (a bind mount in his own namespace), but only while it is mounted.
 * - the source, only for a file system that has no device number of its own because it lies on several disks (btrfs, bcachefs). The kernel fills in the
 *   source of those, and only root can mount them. The namespace must belong to the host's own user namespace all the same.
 * For any other file system the source is what the caller of mount() wrote: in a user namespace anybody can "mount -t tmpfs /dev/nvme0n1 /tmp/m".
 *
 * The table says what a disk is used for. It cannot say that a disk is not used: a file system can be mounted in a namespace without processes,
 * and a source names only one disk of several. An exclusive open (disk-claim.h) decides that, since a mounted disk is always claimed. For the same reason it does no
 * harm that only a limited number of mounts is read. */

typedef struct Mount {
        dev_t number; /* of the file system; 0 where it has no device of its own */
        char *source; /* "/dev/nvme0n1p2", where the number is 0; else NULL */
        char *target; /* "/var" */
} Mount;

typedef struct MountTable {
        void *by_number; /* trees of tsearch(), each of the first mount of a device */
        void *by_source;
        void *namespaces; /* the numbers of those that were read */
        size_t n_mounts;  /* in the trees */
        size_t n_lines;   /* that were read */
        bool is_partial;  /* some mounts could not be read, or are beyond the limit */
} MountTable;

/* Reads them, each namespace once, in the order of the processes. A process that ends meanwhile is passed over. Returns 0 or -ENOMEM. The caller empties
 * the table with mount_table_done(), also after an error. */
int mount_table_read(const Kernel *kernel, const ProcessTable *processes, const UsageLimits *limits, MountTable *ret);
void mount_table_done(MountTable *table);

/* The first mount of a block device, by its number or by the path of its node; NULL for none. */
const Mount *mount_table_find(const MountTable *table, dev_t number, const char *node);

/* /proc writes a space in a path as "\040": puts such letters back, in place. Returns text. */
char *mount_unescape(char *text);
