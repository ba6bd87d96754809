/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "node.h"

/* The whole fake machine: its devices, drivers and groups. */

typedef struct Device Device;
typedef struct Driver Driver;
typedef struct Group Group;
typedef struct Injections Injections;
typedef struct Machine Machine;

struct Machine {
        Node *root;         /* holds sys/, dev/ and proc/ */
        GPtrArray *devices; /* ordered by address */
        GPtrArray *drivers; /* in the order of registration, in which they are tried */
        GPtrArray *groups;
        GHashTable *blacklist; /* module names */
        Injections *injections;
        bool iommu;
        bool cdevs;          /* as with CONFIG_VFIO_DEVICE_CDEV: for devices that a vfio driver binds from now on */
        bool no_group_nodes; /* as without CONFIG_VFIO_GROUP */
        unsigned last_ifindex;
        bool kick;          /* a lock was released: a waiting request may be able to continue */
        unsigned n_to_lose; /* number of events */
        void (*on_event)(const char *line, void *userdata);
        void *userdata;
};

Machine *machine_new(void);
Machine *machine_free(Machine *m);

bool machine_get_autoprobe(Machine *m);
/* As a boot with or without intel_iommu=on; returns -EBUSY while a vfio driver is bound. */
int machine_set_iommu(Machine *m, bool on);
/* Shows an interrupt of an IO-APIC, which is "remapped" or "plain"; returns false for another word. */
bool machine_set_interrupts(Machine *m, const char *kind);
/* As a kernel with or without CONFIG_VFIO_GROUP; returns -EBUSY while a vfio driver is bound. */
int machine_set_group_nodes(Machine *m, bool on);
/* Completes every unbind and removal that waited for a holder and no longer has to wait. */
void machine_finish_waiting(Machine *m);
/* A text to compare two states: it contains everything that a transaction may change, and nothing that changes by
 * itself. */
void machine_snapshot(Machine *m, GString *text);

/* Sends a uevent. `node` is below sys/; `old_path` is for "move". */
void machine_emit(Machine *m, const char *action, Node *node, const char *subsystem, const char *old_path);

/* The next n events are lost; then the listeners get the line "lost". With 0, no more events are lost, and nobody is
 * told about earlier losses. */
void machine_lose(Machine *m, unsigned n);

/* Sends n events for a path below sys/, even if it does not exist. */
void machine_storm(Machine *m, unsigned n, const char *path);

/* Copies the value of an attribute without the trailing newline that sysfs accepts. */
char *value_trim(const char *value);
