/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/binding.h"
#include "kernel/host-names.h"

/* A PCI function in memory. Plain state: inventory.h changes it. */

typedef struct Group Group;

typedef enum DeviceState {
        DEVICE_HOST,       /* on a driver of the host */
        DEVICE_DRIVERLESS, /* on none */
        DEVICE_DETACHED,   /* on a vfio driver, by us */
        DEVICE_FOREIGN,    /* on a vfio driver, not by us */
        DEVICE_CHANGING,   /* a job is at work on it */
        DEVICE_STUCK,      /* a job waits in the kernel */
        DEVICE_ABSENT,     /* detached by us, and gone from its slot */
        _DEVICE_STATE_MAX,
} DeviceState;

const char *device_state_to_string(DeviceState state);

/* What a job does with a device now. */
typedef enum DeviceActivity {
        DEVICE_QUIET,
        DEVICE_WORKED_ON,
        DEVICE_WAITED_FOR, /* the kernel does not come back */
} DeviceActivity;

typedef struct HostName HostName;
struct HostName {
        HostName *next;
        HostNameKind kind;
        unsigned generation; /* of inventory.c: the rescan that saw it last */
        char name[];         /* with its end */
};

/* Adds a name in its place, or marks the one that is there with the generation. Returns 1 if it is new, 0 if it was there, -ENOMEM. */
int host_name_list_add(HostName **list, HostNameKind kind, const char *name, unsigned generation);

/* Returns whether it was there. */
bool host_name_list_remove(HostName **list, HostNameKind kind, const char *name);

/* Removes the names that are not of this generation. Returns whether there were any. */
bool host_name_list_drop_older(HostName **list, unsigned generation);
bool host_name_list_has(const HostName *list, HostNameKind kind, const char *name);
HostName *host_name_list_free(HostName *list);
DEFINE_TRIVIAL_CLEANUP_FUNC(HostName *, host_name_list_free)

/* How a device was before vfiod detached it, and what a reattach restores. */
typedef struct DeviceOrigin {
        PciIds ids; /* of this card; another card in its slot has nothing to do with it */
        Binding binding;
        char *module;    /* that provides the driver; NULL for a built-in driver */
        HostName *names; /* that the host had for the device */
        bool virtual_function;
        bool degraded;                   /* A failed detach left it neither with the host nor detached. */
        bool has_parent;                 /* It vanished with this device, and is expected back with it. */
        PciAddress parent;               /* a VF's PF, or the controller that exposes the device (a VMD) */
        unsigned virtual_functions;      /* of a PF: a reattach creates so many VFs */
        bool autoprobe_known, autoprobe; /* of a PF: sriov_drivers_autoprobe as the host had it */
} DeviceOrigin;

DeviceOrigin *device_origin_free(DeviceOrigin *origin);
DEFINE_TRIVIAL_CLEANUP_FUNC(DeviceOrigin *, device_origin_free)
int device_origin_copy(const DeviceOrigin *origin, DeviceOrigin **ret);
bool device_origin_equal(const DeviceOrigin *a, const DeviceOrigin *b);

typedef struct Device {
        PciAddress address;
        PciIds ids;
        const char *driver;        /* interned; NULL for none */
        const char *reset_methods; /* interned; NULL for none */
        Group *group;              /* NULL for none */
        HostName *names;
        DeviceOrigin *origin;         /* NULL unless vfiod detached it */
        PciAddress physical_function; /* of a VF */
        PciAddress controller;        /* of a device behind a controller */
        uint64_t incarnation;         /* of PciFacts */
        uint32_t link_speed, link_speed_max;
        uint16_t virtual_functions_max;
        int16_t numa_node;
        uint8_t link_width, link_width_max;
        DeviceActivity activity;
        bool present : 1;
        bool appeared : 1; /* it was not there, and came; whoever cares clears it */
        bool bridge : 1;
        bool endpoint : 1;
        bool boot_vga : 1;
        bool virtual_function : 1;
        bool behind_controller : 1; /* A controller such as a VMD exposes it, so it vanishes when the controller is unbound. */
        unsigned change;            /* of inventory.c: index of its pending change, plus one */
        unsigned generation;        /* of inventory.c: the rescan that saw it last */
} Device;

/* Whether vfiod detached it: this card, not another that came into its slot since. */
static inline bool device_is_ours(const Device *device) {
        return device->origin && pci_ids_equal(&device->origin->ids, &device->ids);
}

DeviceState device_state(const Device *device);

/* Whether the device stays in the list while it is not in its slot: vfiod detached it, or a job changes it. */
static inline bool device_is_kept(const Device *device) {
        return device->origin || device->activity != DEVICE_QUIET;
}

/* Whether the device is a VF of this PF, and present. */
static inline bool device_is_vf_of(const Device *device, const Device *pf) {
        return device->present && device->virtual_function && pci_address_equal(device->physical_function, pf->address);
}

/* Whether the device vanishes when the other one is unbound from its driver: a VF of it, or behind it as a controller. */
bool device_vanishes_with(const Device *device, const Device *parent);

/* Whether it is on a driver that gives it to guests. */
static inline bool device_is_on_vfio(const Device *device) {
        return device->present && device->driver && pci_driver_is_vfio(device->driver);
}

/* Whether it keeps its group from a guest: on a driver that does DMA for the host. A bridge does not on pcieport or without a
 * driver, but does on shpchp (measured). */
bool device_blocks_group(const Device *device);
