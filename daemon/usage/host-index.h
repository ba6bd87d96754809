/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-names.h"

/* Which names the host has where, at one moment: read once for all devices that are looked at. */

typedef struct HostIndexName {
        HostNameKind kind;
        PciAddress address;
        char name[HOST_NAME_TEXT_MAX];
} HostIndexName;

typedef struct HostIndex {
        HostIndexName *names;
        size_t n_names, n_allocated;
        bool only_visible; /* no disk is opened exclusively, since that disturbs others: what shows itself must do */
} HostIndex;

/* Returns 0, or a negative errno where the host cannot be read. For workers. The index is emptied with host_index_done(), also when this failed. */
int host_index_read(const Kernel *kernel, HostIndex *ret);
void host_index_done(HostIndex *index);
#define _cleanup_host_index_ _cleanup_(host_index_done)
