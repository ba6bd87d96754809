/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-names.h"

/* The disks and network interfaces of the host by PCI function, at one moment: read once for all devices of a survey. */

typedef struct HostIndexName {
        HostNameKind kind;
        PciAddress address;
        char name[HOST_NAME_TEXT_MAX];
} HostIndexName;

typedef struct HostIndex {
        HostIndexName *names; /* sorted by address, kind and name */
        size_t n_names, n_allocated;
} HostIndex;

/* Returns 0, or a negative errno where the host cannot be read. For workers. The caller empties the index with host_index_done(), also after an error. */
int host_index_read(const Kernel *kernel, HostIndex *ret);
void host_index_done(HostIndex *index);
#define _cleanup_host_index_ _cleanup_(host_index_done)

/* The names of one function: returns the first, and how many there are. */
const HostIndexName *host_index_find(const HostIndex *index, PciAddress address, size_t *ret_n);
