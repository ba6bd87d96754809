/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* Users of block devices and NVMe controllers that have no link to the device in sysfs: swap space, loop devices and what an
 * NVMe target exports. They name the node of the device. They are read once for all disks of a survey. */

typedef enum BlockUserKind {
        BLOCK_USER_SWAP,
        BLOCK_USER_LOOP,
        BLOCK_USER_EXPORT,
        BLOCK_USER_PASSTHROUGH, /* a target passes a whole controller through, and no process has its node open */
        _BLOCK_USER_KIND_MAX,
} BlockUserKind;

typedef struct BlockUser {
        BlockUserKind kind;
        char *node; /* "/dev/sda2", "/dev/nvme0" */
        char *name; /* of the loop device; "" for others */
} BlockUser;

typedef struct BlockUsers {
        BlockUser *users;
        size_t n_users;
        int errors[_BLOCK_USER_KIND_MAX]; /* 0, or why not all users of this kind could be read: then each disk may have such a user */
} BlockUsers;

/* The caller empties the users with block_users_done(), also after an error. Returns 0 or -ENOMEM. */
int block_users_read(const Kernel *kernel, BlockUsers *ret);
void block_users_done(BlockUsers *users);
