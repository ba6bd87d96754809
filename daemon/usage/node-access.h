/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/device-nodes.h"
#include "usage/processes.h"

/* Who may open a device node. This is needed for a process that has more descriptors than a survey reads: nobody knows then whether it has a
 * node open.
 *
 * Such a process counts as a user of the device only if it may open one of the device's nodes. It could open the node at any time, so this
 * gives it no additional power. A process without this permission is ignored, because it can only have received the descriptor from another
 * process. Otherwise any user could keep root from every device, just by opening many files. */

typedef struct NodeAccess {
        mode_t mode;
        uid_t uid;
        gid_t gid;
        bool is_open_to_all; /* by the mode; or the node has an access control list; or its permissions are not known */
} NodeAccess;

static inline bool node_access_equal(const NodeAccess *a, const NodeAccess *b) {
        return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->is_open_to_all == b->is_open_to_all;
}

/* Reads the permissions of a node. It is found through the links that udev makes for all nodes, for example "/dev/char/1:5". A node without
 * such a link counts as open to all. */
NodeAccess node_access_read(const Kernel *kernel, const DeviceNode *node);

/* The user and the groups of a process. */
#define NODE_USER_GROUPS_MAX 1024
typedef struct NodeUser {
        bool is_root;
        uid_t uid;
        gid_t groups[NODE_USER_GROUPS_MAX];
        int n_groups; /* or a negative errno of process_read_groups() */
} NodeUser;

void node_user_read(const Kernel *kernel, const Process *process, NodeUser *ret);
bool node_access_allows(const NodeAccess *access, const NodeUser *user);
