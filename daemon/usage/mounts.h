/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/processes.h"

/* The mounted file systems in all mount namespaces that have a process: a disk that only a container has mounted is
 * in use, too.
 *
 * Two facts show that a disk is mounted:
 * - The device number of the file system. The kernel itself writes it, so nobody can fake it. An ordinary user can
 *   mount a file system a second time (a bind mount in his own namespace), but only while it is mounted.
 * - The source, if the file system has no device number of its own because it is on several disks (btrfs, bcachefs).
 *   The kernel fills in the source of these file systems, and only root can mount them. In addition, the namespace
 *   must belong to the user namespace of the host. The source of other file systems is what the caller of mount()
 *   wrote: in a user namespace, any user can "mount -t tmpfs /dev/nvme0n1 /tmp/m".
 *
 * The table says what a disk is used for. It cannot say that a disk is not used: a file system can be mounted in a
 * namespace without processes, and a source names only one disk of several. An exclusive open (disk-claim.h) decides
 * that, because a mounted disk is always claimed. For the same reason, it does no harm that only a limited number of
 * mounts is read. */

typedef struct Mount {
        char *device; /* the number of the file system, "259:2"; or its source, "/dev/nvme0n1p2" */
        char *target; /* "/var" */
} Mount;

typedef struct MountTable {
        void *mounts;    /* a tree of tsearch(), with the first mount of each device */
        size_t n_mounts; /* in the tree */
        size_t n_lines;  /* that were read */
        bool is_partial; /* some mounts could not be read, or are beyond the limit */
} MountTable;

/* Reads each namespace once, in the order of the processes. A process that ends at the same time is skipped. The
 * caller empties the table with mount_table_done(), also after an error. Returns 0 or -ENOMEM. */
int mount_table_read(const Kernel *kernel, const ProcessTable *processes, const UsageLimits *limits, MountTable *ret);
void mount_table_done(MountTable *table);

/* Adds a copy, unless the table has a mount of the device. Returns 0 or -ENOMEM. */
int mount_table_add(MountTable *table, const char *device, const char *target);

/* Calls the callback for each mount. A return value other than 0 stops the iteration. Returns that value, or 0. */
int mount_table_for_each(const MountTable *table, int (*callback)(const Mount *mount, void *userdata), void *userdata);

/* Returns the first mount of a block device, which is given by its number ("259:2") or by the path of its node; NULL
 * if there is none. */
const Mount *mount_table_find(const MountTable *table, const char *device);

/* /proc writes a space in a path as "\040". Replaces such escapes in place and returns text. */
char *mount_unescape(char *text);
