/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/host-index.h"

/* Disks kept from everybody else while their device leaves the host: whoever mounts, swaps to or builds on a disk needs it exclusively, and so
 * nobody can between the last look and the unbind. */

typedef struct DiskClaims {
        int *fds;
        size_t n_fds;
} DiskClaims;

/* Opens one disk exclusively: the kernel's own answer to whether it, or a part of it, is in use. Returns the descriptor; -EBUSY if it is; another
 * negative errno. */
int disk_open_exclusively(const Kernel *kernel, const char *name);

/* Opens the disks of the function exclusively, beside those that are claimed already. One without a medium, or that goes away meanwhile, is passed
 * over. Returns 0; -EBUSY, at the end, if somebody has one of them; another negative errno. For workers. */
int disk_claims_take(DiskClaims *claims, const Kernel *kernel, const HostIndex *index, PciAddress address);

/* Lets them go. To be done before the device may come back: a disk that is still open keeps its name. */
void disk_claims_release(DiskClaims *claims);
