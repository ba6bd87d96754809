/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/block-users.h"
#include "usage/holder-table.h"
#include "usage/host-index.h"
#include "usage/mounts.h"
#include "usage/network-table.h"

/* What the host uses, read once for all devices of a survey: each part when it is first asked for, and never again. A card without disks thus costs no
 * reading of mounts. Takes time, and is for workers. */

typedef struct SnapshotFunction {
        PciAddress address;
        char *path; /* where it lies in sysfs: "../../../devices/pci0000:00/0000:00:03.0"; "" where that could not be told */
        bool is_asked; /* one of the devices that the snapshot was made for; or else it lies below one of them */
} SnapshotFunction;

typedef struct UsageSnapshot {
        const Kernel *kernel;
        const UsageLimits *limits;
        bool only_visible; /* set by the caller: no disk is opened exclusively, since that disturbs others. Hidden uses are then not found. */
        HostIndex host;
        SnapshotFunction *functions; /* the devices, and the functions that lie below them; sorted by address */
        size_t n_functions, n_functions_allocated;

        ProcessTable processes;
        MountTable mounts;
        BlockUsers block_users;
        NetworkTable network;
        HolderTable holders;
        bool has_processes, has_mounts, has_block_users, has_network, has_holders;
        size_t n_blocks_examined; /* disks, partitions and what is built on them: how often one was examined */
        int processes_error;      /* 0, or why /proc could not be read */
} UsageSnapshot;

/* Makes a snapshot for these devices. NULL for the limits means usage_limits. Returns 0; a negative errno where the host's devices cannot be listed. The caller frees
 * it with usage_snapshot_free(). */
int usage_snapshot_new(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, const UsageLimits *limits,
                UsageSnapshot **ret);
UsageSnapshot *usage_snapshot_free(UsageSnapshot *snapshot);
DEFINE_TRIVIAL_CLEANUP_FUNC(UsageSnapshot *, usage_snapshot_free)

/* The parts. Each returns 0 or a negative errno. */
int usage_snapshot_mounts(UsageSnapshot *snapshot, const MountTable **ret);
int usage_snapshot_block_users(UsageSnapshot *snapshot, const BlockUsers **ret);
int usage_snapshot_network(UsageSnapshot *snapshot, const NetworkTable **ret);
int usage_snapshot_holders(UsageSnapshot *snapshot, const HolderTable **ret);

/* Whether the function lies below the device, as the drives of a VMD controller do. */
bool usage_snapshot_is_below(const SnapshotFunction *function, PciAddress device);
