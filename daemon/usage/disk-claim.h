/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-names.h"

/* Exclusive opens of disks. A mount, swap space or an array needs its disks exclusively. So while vfiod keeps the
 * disks of a device open exclusively, nobody can begin such a use between the survey and the unbind. */

/* Formats "/dev/cciss/c0d0" for the disk "cciss!c0d0" into buffer, and returns buffer: the kernel writes "!" for a
 * "/" in a name. */
#define DISK_NODE_MAX (HOST_NAME_TEXT_MAX + 8)
const char *disk_format_node(const char *name, char buffer[static DISK_NODE_MAX]);
#define DISK_NODE(name) disk_format_node(name, (char[DISK_NODE_MAX]){})

/* Opens a disk exclusively: so the kernel itself tells whether the disk, or a part of it, is in use. Returns the
 * descriptor; -EBUSY if it is in use; or another negative errno. */
int disk_open_exclusively(const Kernel *kernel, const char *name);

typedef struct DiskClaims {
        int *fds;
        size_t n_fds;
} DiskClaims;

/* Opens the disks of the function exclusively, and adds them to the claims. Skips a disk without a medium, and a
 * disk that disappears. For workers. Returns 0; -EBUSY, after all disks were tried, if a disk is in use; or another
 * negative errno. */
int disk_claims_take(DiskClaims *claims, const Kernel *kernel, const HostIndex *index, PciAddress address);

/* Closes the disks. The caller does this before the device is bound again: a disk that is still open keeps its name,
 * so the new disk would get another name. */
void disk_claims_release(DiskClaims *claims);
