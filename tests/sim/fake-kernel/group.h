/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "machine.h"

/* An IOMMU group and its node in dev/vfio. */

struct Group {
        Machine *machine;
        unsigned number;
        GPtrArray *members;
        Node *folder;       /* in sys/kernel/iommu_groups while the IOMMU is on */
        Node *node;         /* in dev/vfio while at least one member is on a vfio driver; always NULL if the machine
                             * has no group nodes */
        Node *virtual;      /* in sys/devices/virtual/vfio, as long as the node exists */
        unsigned n_vfio;    /* number of members on a vfio driver */
        const void *holder; /* the open file of the node */
        bool claimed;       /* used by a VM: it has the container and the devices open, not only the node */
        GString *reserved;
};

Group *group_find(Machine *m, unsigned number);
/* SPEC_GROUP_NEW chooses the next free number. */
Group *group_join(Machine *m, int number, Device *d);
/* If the last member leaves, the group is removed. */
void group_leave(Group *g, Device *d);
void group_set_visible(Group *g, bool visible);

void group_add_vfio(Group *g);
void group_remove_vfio(Group *g);
bool group_is_viable(Group *g);

/* The control commands. If no process has the node open, the fake kernel itself holds it. All return 0 or -errno. */
int group_hold(Group *g);
int group_claim(Group *g);
int group_release(Group *g);
void group_abandon(Group *g);

void group_snapshot(Group *g, GString *text);
