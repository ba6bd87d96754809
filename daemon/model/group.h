/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"

/* An IOMMU group in memory: the functions that can only be given to a guest together. Its number is volatile. */

typedef enum GroupState {
        GROUP_HOST,     /* none of it is away */
        GROUP_PARTIAL,  /* some of it is, and a guest could not take it */
        GROUP_DETACHED, /* a guest can take it, and vfiod made it so */
        GROUP_FOREIGN,  /* a guest can take it, and somebody else made it so */
        GROUP_CHANGING,
        GROUP_STUCK,
        _GROUP_STATE_MAX,
} GroupState;

const char *group_state_to_string(GroupState state);

struct Group {
        int number;
        Device **members; /* not owned; in the order of the addresses */
        size_t n_members;
        unsigned change; /* of inventory.c */
        bool blocked;    /* of viability.c: it was said that it is not viable any more */
};

GroupState group_state(const Group *group);

/* The kernel's rule: each member is driverless or on a driver that leaves DMA to a guest. */
bool group_is_viable(const Group *group);

/* Whether the kernel offers /dev/vfio/N for it: a member is on a vfio driver. */
bool group_has_node(const Group *group);

/* Members that can be given to a guest. */
size_t group_count_endpoints(const Group *group);
