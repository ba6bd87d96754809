/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "syscall-killer.h"

/* Simulates a folder on disk after a power loss: it learns from syscalls what was synced, and can discard the rest. */

typedef struct StateDisk StateDisk;

/* The current contents count as synced. */
StateDisk *state_disk_new(const char *folder);
StateDisk *state_disk_free(StateDisk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateDisk, state_disk_free)

/* For a SyscallKiller. */
void state_disk_on_syscall(const SyscallSeen *seen, void *userdata);

typedef enum DiskLoss {
        LOSS_NONE,
        LOSS_OF_ALL,  /* the names as of the folder's last fsync, and the data as of each file's last fsync */
        LOSS_OF_DATA, /* the current names, but half of the new data */
} DiskLoss;

void state_disk_lose(StateDisk *disk, DiskLoss loss);
