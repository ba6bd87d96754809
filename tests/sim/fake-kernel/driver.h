/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "machine.h"

/* A PCI driver, built in or in a module that may not be loaded. */

typedef enum DriverKind {
        DRIVER_PLAIN,
        DRIVER_NET,
        DRIVER_NVME,
        DRIVER_ATA,
        DRIVER_VMD, /* exposes what is behind its device, see controller.c */
        _DRIVER_KIND_MAX,
} DriverKind;

typedef struct DriverId {
        int vendor, device; /* -1: any */
} DriverId;

struct Driver {
        Machine *machine;
        char *name;
        char *module; /* NULL: built in */
        DriverKind kind;
        GArray *ids;
        Node *folder; /* in sys/bus/pci/drivers while the driver is loaded */
};

extern const NodeOps drivers_probe_ops;

Driver *driver_find(Machine *m, const char *name);
/* The words of `driver NAME key=value...` after the name. */
bool driver_add(Machine *m, const char *name, char *const *words, char **ret_error);
Driver *driver_free(Driver *d);

bool driver_is_vfio(Driver *d);
/* Whether the driver may be bound to a member of a group that a VM uses. */
bool driver_manages_dma(Driver *d);
bool driver_matches(Driver *d, Device *device);

/* Dashes and underscores are equal in module names. The name of a driver is also accepted for its module. */
bool module_load(Machine *m, const char *name, char **ret_error);
bool module_unload(Machine *m, const char *name, char **ret_error);
void module_blacklist(Machine *m, const char *name);
