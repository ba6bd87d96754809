/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "machine.h"
#include "spec.h"

/* A PCI function that is plugged in. */

struct Device {
        Machine *machine;
        DeviceSpec *spec;
        Address address;
        Device *parent, *physfn;
        GPtrArray *vfs;
        GPtrArray *behind; /* of a controller: the specs of what is behind it */
        Group *group;
        Driver *driver;
        Node *folder;
        char *override;
        int vfio_number; /* N of vfio-dev/vfioN; -1: it is not on a vfio driver */
        Node *cdev;      /* dev/vfio/devices/vfioN, if the device is on a vfio driver and the machine has cdevs */
        unsigned n_cdev_opens;
        bool unbinding;     /* the driver link is removed, and the driver waits for the holder */
        bool removing;      /* a removal waits for the holder */
        bool removing_vfs;  /* a write of sriov_numvfs=0 waits for a holder */
        bool probe_nothing; /* injected: the next probe binds nothing and returns no error */
};

Device *device_find(Machine *m, const char *address);
int device_compare(const void *a, const void *b);

/* Plugs the device in, with uevent and probe; takes the ownership of the spec. If the driver that the spec names
 * does not bind, this is an error too, but the device stays. */
int device_add(Machine *m, DeviceSpec *spec, char **ret_error);
/* Unbinds and removes the device and all devices below it. 0: removed and freed; NODE_WAIT: it waits for a holder,
 * and machine_finish_waiting() will complete it. */
int device_remove(Device *d);

/* Replaces the card in the slot: removes it and adds it again with the given words changed. */
bool device_swap(Machine *m, const char *address, char *const *words, char **ret_error);

/* Whether a waiting request holds device_lock, so that all others that need the lock wait too. */
bool device_is_locked(Device *d);
bool device_is_bridge(Device *d);

/* Tries this driver only: 0 bound, 1 nothing was bound and there is no error, -errno. */
int device_probe(Device *d, Driver *driver);
/* Tries every loaded driver that matches, as the bus does. */
void device_attach(Device *d);
/* 0, or NODE_WAIT: the driver link is removed, and the rest happens when the holder releases the device. */
int device_unbind(Device *d);

void device_set_override(Device *d, const char *name);
void device_snapshot(Device *d, GString *text);

/* attribute.c */
void device_add_attributes(Device *d);

/* host-name.c: interfaces and disks that a host driver creates below the device */
void device_add_host_names(Device *d);
void device_remove_host_names(Device *d);
/* Renames the interface; without one, its driver gives it this name when it binds. 0 or -EEXIST. */
int device_rename_net(Device *d, const char *name);
/* Sets whether an open of the disk's node fails with EBUSY. 0 or -ENOENT. */
int disk_claim(Machine *m, const char *name, bool claimed);

/* vfio-device.c: files that a vfio driver creates. An unbind first hides the cdev, then waits, then removes it. */
void device_add_vfio(Device *d);
void device_hide_cdev(Device *d);
void device_remove_vfio(Device *d);

/* controller.c */
/* Plugs hardware in behind the controller that the spec names: it appears now or when a driver exposes it. Consumes the
 * spec. */
int device_add_behind(Machine *m, DeviceSpec *spec, char **ret_error);
/* Takes the hardware out, with all that is below it. Returns whether it was behind a controller. */
bool device_pull_behind(Machine *m, const char *address);
/* What a driver of kind vmd does when it binds, and when it is unbound. 0: all gone; NODE_WAIT: one is held. */
void device_expose(Device *d);
int device_remove_exposed(Device *d);

/* sriov.c */
void device_add_sriov_attributes(Device *d);
int device_create_vfs(Device *d, unsigned n);
/* 0: all removed; NODE_WAIT: a VF is held. */
int device_remove_vfs(Device *d);
