/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "node.h"

/* The whole fake machine: what is plugged in, which drivers exist, which groups there are. */

typedef struct Device Device;
typedef struct Driver Driver;
typedef struct Group Group;
typedef struct Injections Injections;
typedef struct Machine Machine;

struct Machine {
        Node *root;         /* holds sys/, dev/ and proc/ */
        GPtrArray *devices; /* ordered by address */
        GPtrArray *drivers; /* in the order of registration: the order in which they are tried */
        GPtrArray *groups;
        GHashTable *blacklist; /* module names */
        Injections *injections;
        bool iommu;
        bool cdevs;          /* as with CONFIG_VFIO_DEVICE_CDEV: for devices that a vfio driver takes from now on */
        bool no_group_nodes; /* as without CONFIG_VFIO_GROUP */
        unsigned last_ifindex;
        bool kick;          /* a lock was released: what waits may be able to go on */
        unsigned n_to_lose; /* events */
        void (*on_event)(const char *line, void *userdata);
        void *userdata;
};

Machine *machine_new(void);
Machine *machine_free(Machine *m);

bool machine_get_autoprobe(Machine *m);
/* As a boot with or without intel_iommu=on; refused with -EBUSY while a vfio driver is bound. */
int machine_set_iommu(Machine *m, bool on);
/* As a kernel with or without CONFIG_VFIO_GROUP; refused with -EBUSY while a vfio driver is bound. */
int machine_set_group_nodes(Machine *m, bool on);
/* Finishes every unbind and removal that waited for a holder and no longer has to. */
void machine_settle(Machine *m);
/* The text by which two states are compared: whatever a transaction may change, and nothing volatile. */
void machine_snapshot(Machine *m, GString *text);

/* What a uevent says. `node` lies below sys/; `old_path` is for "move". */
void machine_emit(Machine *m, const char *action, Node *node, const char *subsystem, const char *old_path);

/* The next n events reach nobody, and then the listeners hear that something was lost: the line "lost". 0: none, and nobody hears of those that
 * were lost before. */
void machine_lose(Machine *m, unsigned n);

/* So many events of a path below sys/, whatever is there. */
void machine_storm(Machine *m, unsigned n, const char *path);

/* Copies an attribute's value without the one trailing newline that sysfs forgives. */
char *value_trim(const char *value);
