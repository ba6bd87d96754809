/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"

/* The model of an IOMMU group: PCI functions that a guest can use only together. The number can change at the next
 * boot. */

typedef enum GroupState {
        GROUP_HOST,     /* no member is on a vfio driver */
        GROUP_PARTIAL,  /* some members are on a vfio driver, but a guest cannot use the group */
        GROUP_DETACHED, /* a guest can use the group; vfiod detached at least one member */
        GROUP_LEASED,   /* a guest can use the group, and a user has a lease of it */
        GROUP_FOREIGN,  /* a guest can use the group; vfiod did not detach any member */
        GROUP_CHANGING, /* a job works on a member */
        GROUP_STUCK,    /* a step of a job does not return from the kernel */
        _GROUP_STATE_MAX,
} GroupState;

/* Returns the name of the state on the bus, for example "partial", a static string. */
const char *group_state_to_string(GroupState state);

/* A host may have 10,000 of these. Most have one member, and 24 bytes fit into the smallest block of malloc(). A group moves in memory when
 * it gets a member. */
struct Group {
        unsigned n_members;
        int number;
        unsigned change;   /* for inventory.c: index of its pending change, plus one; 0 for none */
        bool no_iommu;     /* vfio made it in its no-IOMMU mode: no guest can use it. See kernel/iommu.h. */
        bool blocked;      /* for viability.c: it has logged that the group is no longer viable */
        Device *members[]; /* not owned; sorted by address */
};

/* Makes room for one more member. The room doubles whenever the number of members is a power of two. Returns the group, which may have
 * moved, and its members know it; NULL without memory, and then the group is unchanged. Only for inventory.c. */
Group *group_make_room(Group *group);

/* Derives the state from the states of the members. */
GroupState group_state(const Group *group);

/* The rule of the kernel since 5.19: a group is viable if each member has no driver, or a driver that does not do
 * DMA for the host (drivers with driver_managed_dma in struct pci_driver: vfio drivers, pcieport, pci-stub). A group
 * without an IOMMU is never viable. */
bool group_is_viable(const Group *group);

/* Tells whether /dev/vfio/N, or /dev/vfio/noiommu-N, exists for the group. The kernel creates it while a member is on a vfio
 * driver, if it has such nodes. */
bool group_has_node(const Group *group);

/* Counts the members that a guest can use. */
size_t group_count_endpoints(const Group *group);
