/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/device-nodes.h"
#include "usage/processes.h"

/* Who may open a device node: needed for a process that has more descriptors open than a survey reads. Whether it has a node open is then not known.
 *
 * Such a process counts as a user of the device only if it has the permission to open one of the device's nodes. It could then be a user of the device
 * at any time, so this gives it no power that it did not have. A process without this permission can only have got the descriptor from somebody else. It
 * is ignored: otherwise any user could keep root from every device, just by opening many files. */

typedef struct NodeAccess {
        DeviceNode node;
        mode_t mode;
        uid_t uid;
        gid_t gid;
        bool is_open_to_all; /* by its mode; or it has an access control list; or it is not in /dev, so that this cannot be told */
} NodeAccess;

typedef struct NodeAccessTable {
        NodeAccess *entries; /* sorted by node */
        size_t n_entries, n_allocated;
} NodeAccessTable;

/* Reads the permissions of the nodes in /dev. Returns 0 or a negative errno. The caller empties the table with node_access_done(), also after an error. */
int node_access_read(const Kernel *kernel, NodeAccessTable *ret);
void node_access_done(NodeAccessTable *table);

/* The permissions of a node. */
NodeAccess node_access_find(const NodeAccessTable *table, const DeviceNode *node);

/* A user whose permissions are asked for, with the groups of one of his processes. */
#define NODE_USER_GROUPS_MAX 1024
typedef struct NodeUser {
        bool is_root;
        uid_t uid;
        gid_t groups[NODE_USER_GROUPS_MAX];
        int n_groups;
} NodeUser;

void node_user_read(const Kernel *kernel, const Process *process, NodeUser *ret);
bool node_access_allows(const NodeAccess *access, const NodeUser *user);
