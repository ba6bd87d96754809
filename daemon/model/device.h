/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/binding.h"
#include "kernel/host-names.h"
#include "kernel/pci-link.h"

/* The model of a PCI function. Only inventory.c changes it. */

typedef struct Group Group;

typedef enum DeviceState {
        DEVICE_HOST,       /* on a host driver */
        DEVICE_DRIVERLESS, /* on no driver */
        DEVICE_DETACHED,   /* on a vfio driver, detached by vfiod */
        DEVICE_LEASED,     /* detached, and a user has a lease of it, see lease/lease.h */
        DEVICE_FOREIGN,    /* on a vfio driver, not detached by vfiod */
        DEVICE_CHANGING,   /* a job works on it */
        DEVICE_STUCK,      /* a step of a job does not return from the kernel */
        DEVICE_ABSENT,     /* not in its slot, but detached by vfiod or part of a job */
        _DEVICE_STATE_MAX,
} DeviceState;

/* Returns the name of the state on the bus, for example "detached", a static string. */
const char *device_state_to_string(DeviceState state);

/* Whether a job works on a device now. */
typedef enum DeviceActivity {
        DEVICE_QUIET,      /* no job */
        DEVICE_WORKED_ON,  /* a job works on it */
        DEVICE_WAITED_FOR, /* a step of the job does not return from the kernel */
} DeviceActivity;

/* Rescans have the numbers from 0 to 15, and then from 0 again. At the end of a rescan, all names and all devices in their slots
 * have its number. Only devices that are kept without being in their slots can have an older one, which nothing needs. */
#define GENERATIONS 16

/* A list of host names, sorted by kind and name. A name of up to 12 characters fits into the smallest block of malloc(). */
typedef struct HostName HostName;
struct HostName {
        HostName *next;
        uint8_t kind;       /* a HostNameKind */
        uint8_t generation; /* for inventory.c: number of the last rescan that found the name, see GENERATIONS */
        bool is_new;        /* The device got it during its job, for example before udev has renamed its interface. */
        char name[];        /* with a NUL byte */
};

/* Adds a copy of the name, or sets the generation of the existing entry. Returns 1 if the name is new, 0 if it was
 * in the list, or -ENOMEM. */
int host_name_list_add(HostName **list, HostNameKind kind, const char *name, uint8_t generation);

/* Removes a name. Returns whether it was in the list. */
bool host_name_list_remove(HostName **list, HostNameKind kind, const char *name);

/* Removes all names of other generations. Returns whether it removed any. */
bool host_name_list_drop_older(HostName **list, uint8_t generation);

/* Tells whether the list contains the name. */
bool host_name_list_has(const HostName *list, HostNameKind kind, const char *name);

/* Frees the whole list. Returns NULL. */
HostName *host_name_list_free(HostName *list);
DEFINE_TRIVIAL_CLEANUP_FUNC(HostName *, host_name_list_free)

/* How a device was before vfiod detached it, and what a reattach restores. */
typedef struct DeviceOrigin {
        PciIds ids; /* of this card; another card in its slot has nothing to do with it */
        Binding binding;
        char *module;      /* that provides the driver; NULL for a built-in driver */
        char *vfio_driver; /* that the caller of Detach or a rule named; NULL for none. A new detach uses it. */
        HostName *names;   /* that the host had for the device */
        bool virtual_function;
        bool degraded;                   /* A failed detach left it neither with the host nor detached. */
        bool has_parent;                 /* It vanished with this device, and is expected back with it. */
        PciAddress parent;               /* a VF's PF, or the controller that exposes the device (a VMD) */
        unsigned virtual_functions;      /* of a PF: a reattach creates so many VFs */
        bool autoprobe_known, autoprobe; /* of a PF: sriov_drivers_autoprobe as the host had it */
        uint64_t trial; /* A random number for the detach, if it has a revert: this undoes no other detach. 0 for none. */
} DeviceOrigin;

/* Frees the origin and its strings. Returns NULL. */
DeviceOrigin *device_origin_free(DeviceOrigin *origin);
DEFINE_TRIVIAL_CLEANUP_FUNC(DeviceOrigin *, device_origin_free)

/* Copies the origin with all its strings. The caller frees *ret. Returns 0 or -ENOMEM. */
int device_origin_copy(const DeviceOrigin *origin, DeviceOrigin **ret);

/* Compares two origins. NULL equals only NULL. */
bool device_origin_equal(const DeviceOrigin *a, const DeviceOrigin *b);

/* A host may have 10,000 of these. So a few fields are small, and devices share equal strings. */
typedef struct Device {
        PciAddress address;
        PciIds ids;
        unsigned change;           /* of inventory.c: index of its pending change, plus one */
        const char *driver;        /* of the inventory's pool; NULL for none */
        const char *reset_methods; /* of the inventory's pool; NULL for none */
        Group *group;              /* not owned; NULL for none */
        HostName *names;
        HostName *former_names; /* that it lost during its job, by itself or with its origin: it is still found by them */
        DeviceOrigin *origin;   /* NULL unless vfiod detached it */
        PciAddress controller; /* of a device behind a controller */
        uint64_t incarnation; /* as in PciFacts: distinguishes two devices that are in the same slot one after the other */
        PciLink link;
        unsigned cdev;              /* as in PciFacts; see has_cdev */
        uint32_t nodes;             /* as in PciFacts */
        uint32_t driver_due_ms;     /* for driver-check.h: see device_driver_due_us() */
        uint16_t physical_function; /* of a VF; see device_physical_function() */
        uint16_t upstream;          /* the bridge above it; see device_upstream() */
        uint16_t virtual_functions_max;
        int16_t numa_node;
        /* These fill four bytes. A bit-field whose type has one byte never crosses the end of a byte, so their order matters. */
        DeviceActivity activity : 2;
        bool present : 1;
        bool appeared : 1; /* it was plugged in; inventory_clear_appeared() clears this */
        bool returned : 1; /* it had vanished with its parent, and appeared with that: it was not plugged in */
        bool bridge : 1;
        bool endpoint : 1;
        bool boot_vga : 1;
        bool group_node : 1;  /* as in PciFacts */
        bool has_cdev : 1;    /* as in PciFacts */
        bool link_wanted : 1; /* of job/link-reader.c: the link is to be read */
        bool virtual_function : 1;
        bool leased : 1;             /* a user has a lease of it */
        uint8_t driver_readings : 3; /* for driver-check.h: how often the driver link was read again */
        bool driver_is_due : 1;      /* for driver-check.h: the driver link is to be read again */
        bool has_upstream : 1;       /* It is behind a bridge, and not on a root bus. */
        bool behind_controller : 1;  /* It vanishes when its controller, such as a VMD, is unbound. */
        uint8_t place : 5;           /* for device-pool.c: its place in its block */
        uint8_t availability : 4;    /* of inventory.c: the Availability when the changes were taken last */
        uint8_t generation : 4;      /* of inventory.c: the rescan that saw it last, see GENERATIONS */
} Device;

/* Returns the PF of a VF. */
static inline PciAddress device_physical_function(const Device *device) {
        return pci_address_in_domain(device->address.domain, device->physical_function);
}

/* Returns the bridge above the device, which must have has_upstream. */
static inline PciAddress device_upstream(const Device *device) {
        return pci_address_in_domain(device->address.domain, device->upstream);
}

/* Tells whether the device vanishes with this PF or controller. */
static inline bool device_depends_on(const Device *device, PciAddress parent) {
        return (device->virtual_function && pci_address_equal(device_physical_function(device), parent)) ||
                        (device->behind_controller && pci_address_equal(device->controller, parent));
}

/* Adds a name. Returns as host_name_list_add() does. */
int device_add_name(Device *device, HostNameKind kind, const char *name, uint8_t generation);

/* Removes a name that the device has. During a job, it becomes a former name, unless the device got it during this job. Returns 0 or -ENOMEM. */
int device_remove_name(Device *device, HostNameKind kind, const char *name);

/* Removes all names of other generations, as device_remove_name() does. Returns 1 if it removed any, 0 if not, or -ENOMEM. */
int device_drop_names(Device *device, uint8_t generation);

/* The job of the device has ended: it has no former names and no new names any more. */
void device_end_names(Device *device);

/* Frees the origin, which must not be NULL. During a job, its names become former names: after a reattach, the device is found by them
 * until udev has renamed its interface. Returns 0, or -ENOMEM: then the device keeps its origin. */
int device_drop_origin(Device *device);

/* Tells whether vfiod detached this device. False if another card is in the slot of the detached device now. The
 * address of a device behind a controller may be that of a device behind another controller later: a controller gets
 * a new PCI domain each time that its driver binds. */
static inline bool device_is_ours(const Device *device) {
        const DeviceOrigin *origin = device->origin;

        return origin && pci_ids_equal(&origin->ids, &device->ids) &&
                        (!origin->has_parent || !device->present || device_depends_on(device, origin->parent));
}

/* Tells whether the driver is confirmed. Otherwise the driver link may belong to a probe that will fail; see
 * driver-check.h. */
static inline bool device_driver_is_confirmed(const Device *device) {
        return !device->driver_is_due;
}

/* Sets when the driver link is read again, in CLOCK_MONOTONIC: at most some days from now. */
static inline void device_set_driver_due(Device *device, uint64_t due_us) {
        device->driver_is_due = true;
        device->driver_due_ms = (uint32_t)(due_us / 1000);
}

/* Returns when the driver link is read again, or was due. now_us is the time now. The device has only the lower 32 bits of the
 * milliseconds, which are the same again after 49 days: so this is the time with these bits that is less than 25 days from now. */
static inline uint64_t device_driver_due_us(const Device *device, uint64_t now_us) {
        uint64_t now_ms = now_us / 1000;
        int32_t left_ms = (int32_t)(device->driver_due_ms - (uint32_t)now_ms);
        return (now_ms + (uint64_t)left_ms) * 1000;
}

/* Writes the facts that the model knows of a present device into *ret. */
void device_get_facts(const Device *device, PciFacts *ret);

/* Derives the state from the other fields. */
DeviceState device_state(const Device *device);

/* Whether the device stays in the list while it is not in its slot: vfiod detached it, or a job changes it. */
static inline bool device_is_kept(const Device *device) {
        return device->origin || device->activity != DEVICE_QUIET;
}

/* Whether the device is a VF of this PF, and present. */
static inline bool device_is_vf_of(const Device *device, const Device *pf) {
        return device->present && device->virtual_function &&
                        pci_address_equal(device_physical_function(device), pf->address);
}

/* Whether it is on a driver that gives it to guests. */
static inline bool device_is_on_vfio(const Device *device) {
        return device->present && device->driver && pci_driver_is_vfio(device->driver);
}

/* Tells whether the device makes its group not viable, because its driver does DMA for the host. A bridge on
 * pcieport or without a driver does not, a bridge on shpchp does (measured on kernel 6.1). */
bool device_blocks_group(const Device *device);
