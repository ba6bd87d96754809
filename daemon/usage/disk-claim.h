/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/host-index.h"

/* Exclusive opens of disks. Whoever mounts a disk, swaps to it or builds an array on it needs it exclusively. So while vfiod keeps the disks of a device open
 * exclusively, nobody can begin such a use between the survey and the unbind. */

typedef struct DiskClaims {
        int *fds;
        size_t n_fds;
} DiskClaims;

/* Opens a disk exclusively: the kernel's own answer to whether the disk, or a part of it, is in use. Returns the descriptor; -EBUSY if it is in use; another
 * negative errno. */
int disk_open_exclusively(const Kernel *kernel, const char *name);

/* Opens the disks of the function exclusively, and adds them to the claims. A disk without a medium, and one that goes away meanwhile, is passed over.
 * Returns 0; -EBUSY, after all disks were tried, if one is in use; another negative errno. For workers. */
int disk_claims_take(DiskClaims *claims, const Kernel *kernel, const HostIndex *index, PciAddress address);

/* Closes them. The caller does this before the device is bound again: a disk that is still open keeps its name, and the new one gets another. */
void disk_claims_release(DiskClaims *claims);
