/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/host-names.h"
#include "kernel/pci-facts.h"
#include "kernel/pci-link.h"
#include "kernel/power.h"
#include "kernel/virtual-function.h"

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

/* What a device was before vfiod took it, and what it gets back. */
typedef struct DeviceOrigin {
        char *driver;    /* NULL for none */
        char *override;  /* of driver_override; NULL for none */
        char *module;    /* that brings the driver; NULL for one that is built in */
        HostName *names; /* that it had */
        PciIds ids;      /* another card in its slot is not it */
        PowerSettings power;
        VirtualFunctionLink link;
        bool any_driver;       /* what it had is not known: it gets what the kernel finds for it */
        bool virtual_function; /* once gone it never comes back: what is made anew at its address is another one */
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
        DeviceOrigin *origin; /* NULL unless vfiod detached it */
        PciAddress physical_function;
        uint64_t incarnation; /* of PciFacts */
        uint64_t driver_due_us; /* of driver-check.h: when the driver link is read again; 0 for a driver that is confirmed */
        PciLink link;
        uint16_t virtual_functions_max;
        int16_t numa_node;
        uint8_t driver_readings; /* of driver-check.h: how often the driver link was read again */
        DeviceActivity activity;
        bool present : 1;
        bool appeared : 1; /* it was not there, and came; whoever cares clears it */
        bool bridge : 1;
        bool endpoint : 1;
        bool boot_vga : 1;
        bool link_wanted : 1; /* of job/link-reader.c: the link is to be read */
        bool virtual_function : 1;
        unsigned change;     /* of inventory.c: index of its pending change, plus one */
        unsigned generation; /* of inventory.c: the rescan that saw it last */
} Device;

/* Whether vfiod detached it: this card, not another that came into its slot since. */
static inline bool device_is_ours(const Device *device) {
        return device->origin && pci_ids_equal(&device->origin->ids, &device->ids);
}

/* Whether the driver is more than a link that may belong to a probe that fails; see driver-check.h. */
static inline bool device_driver_is_confirmed(const Device *device) {
        return device->driver_due_us == 0;
}

DeviceState device_state(const Device *device);

/* Whether it is a virtual function of that one. */
static inline bool device_is_function_of(const Device *device, const Device *physical) {
        return device->present && device->virtual_function &&
                        pci_address_equal(device->physical_function, physical->address);
}

/* Whether it is on a driver that gives it to guests. */
static inline bool device_is_on_vfio(const Device *device) {
        return device->present && device->driver && pci_driver_is_vfio(device->driver);
}

/* Whether it keeps its group from a guest: on a driver that does DMA for the host. A bridge does not on pcieport or without a
 * driver, but does on shpchp (measured). */
bool device_blocks_group(const Device *device);
