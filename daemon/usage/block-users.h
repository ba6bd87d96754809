/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* What the host has built on block devices without a link between the two in sysfs: swap space, loop devices, exports of the NVMe target. These name the
 * node of the block device. Read once for all disks of a survey. */

typedef struct BlockUser {
        char *node; /* "/dev/sda2" */
        char *name; /* of the loop device; "" for others */
} BlockUser;

typedef struct BlockUserList {
        BlockUser *users; /* sorted by node */
        size_t n_users, n_allocated;
        int error; /* 0, or why they could not all be read: then no disk can be said to be free of them */
} BlockUserList;

typedef struct BlockUsers {
        BlockUserList swaps, loops, exports;
} BlockUsers;

/* Returns 0 or -ENOMEM. The caller empties it with block_users_done(), also after an error. */
int block_users_read(const Kernel *kernel, BlockUsers *ret);
void block_users_done(BlockUsers *users);

/* The users of a node: returns the first, and how many there are. */
const BlockUser *block_user_list_find(const BlockUserList *list, const char *node, size_t *ret_n);
