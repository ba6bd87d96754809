/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "syscall-killer.h"

/* A folder as a disk would have it after a power loss: from the syscalls that it is told of it knows what was synced, and it can throw
 * away the rest. */

typedef struct StateDisk StateDisk;

/* What is there now counts as synced. */
StateDisk *state_disk_new(const char *folder);
StateDisk *state_disk_free(StateDisk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateDisk, state_disk_free)

/* For a SyscallKiller. */
void state_disk_on_syscall(const SyscallSeen *seen, void *userdata);

typedef enum DiskLoss {
        LOSS_NONE,
        LOSS_OF_ALL,  /* the names are those of the folder's last fsync, the data that of each file's */
        LOSS_OF_DATA, /* the names are there already, the data is torn */
} DiskLoss;

void state_disk_lose(StateDisk *disk, DiskLoss loss);
