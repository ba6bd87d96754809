/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-names.h"

/* The disks and network interfaces of the host, read once for all devices of a survey. */

typedef struct HostIndexName {
        HostNameKind kind;
        PciAddress address;
        char name[HOST_NAME_TEXT_MAX];
} HostIndexName;

typedef struct HostIndex {
        HostIndexName *names; /* sorted by name */
        size_t n_names;
} HostIndex;

/* Reads all names that belong to a PCI function. For workers. The caller empties the index with host_index_done(), also after an error.
 * Returns 0 or a negative errno. */
int host_index_read(const Kernel *kernel, HostIndex *ret);
void host_index_done(HostIndex *index);
#define _cleanup_host_index_ _cleanup_(host_index_done)

/* Returns the next name of this kind that belongs to the PCI function, after previous (NULL: the first name); NULL at the end. */
const HostIndexName *host_index_next(
                const HostIndex *index, HostNameKind kind, PciAddress address, const HostIndexName *previous);
