/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/change.h"
#include "model/group.h"
#include "model/name-index.h"

/* The inventory: the model of all PCI functions and IOMMU groups of the host. It is a cache of sysfs, plus the
 * origin of devices that vfiod detached, and the activity of jobs. The functions that modify it record what changed.
 * The event loop calls inventory_take_changes() once per iteration. The inventory reads no files. */

typedef struct Inventory Inventory;

/* Creates an empty inventory, which the caller frees with inventory_free(). Returns 0 or -ENOMEM. */
int inventory_new(Inventory **ret);

/* Frees the inventory with all devices and groups. Returns NULL. */
Inventory *inventory_free(Inventory *inventory);
DEFINE_TRIVIAL_CLEANUP_FUNC(Inventory *, inventory_free)

/* Find a device or group. Return NULL if it does not exist. The inventory owns the result; the pointer is valid
 * until the next call that changes the inventory. */
Device *inventory_find_device(const Inventory *inventory, PciAddress address);
Group *inventory_find_group(const Inventory *inventory, int number);

/* Finds all devices that have the name, or had it when vfiod detached them, sorted by address. *ret is valid until the next call
 * that changes the inventory. Returns 0 or -ENOMEM. */
int inventory_find_named(const Inventory *inventory, const char *name, const NamedDevice **ret, size_t *ret_n);

/* Return all devices sorted by address, or all groups sorted by number, and the count. The inventory owns the array,
 * which is valid until the next call that changes the inventory. */
Device *const *inventory_devices(const Inventory *inventory, size_t *ret_n);
Group *const *inventory_groups(const Inventory *inventory, size_t *ret_n);

/* Returns the number of devices that have an origin: that vfiod detached. */
size_t inventory_count_origins(const Inventory *inventory);

/* Adds the device, or updates it with these facts. A device that was not present gets the mark "appeared". Copies
 * what it needs of the facts. Returns 0 or -ENOMEM. */
int inventory_put_device(Inventory *inventory, const PciFacts *facts);

/* Sets when the driver link of the device is to be read again. See device_set_driver_due(). */
void inventory_set_driver_due(Inventory *inventory, Device *device, uint64_t due_us);

/* Returns and forgets a time before which no driver link is due: the earliest that was set since the last call. UINT64_MAX for none. A
 * device may have been confirmed meanwhile. */
uint64_t inventory_take_driver_due(Inventory *inventory);

/* Stores the link of a device that was read. If the device is suspended, only its maximum link stays known. Ignores
 * a reading of another card than the known one. Returns 0 or -ENOMEM. */
int inventory_put_link(Inventory *inventory, const PciLinkReading *read);

/* Sets the mark "appeared" on a present device that udev has prepared for a rule, as if it was plugged in. An unknown
 * address is ignored. */
void inventory_mark_appeared(Inventory *inventory, PciAddress address);

/* Clears the mark "appeared". An unknown address is ignored. */
void inventory_clear_appeared(Inventory *inventory, PciAddress address);

/* Records that the device is no longer in its slot. A device that vfiod detached remains in the inventory as absent.
 * A device that a job works on remains until the job ends. All others are freed. An unknown address is ignored.
 * Returns 0 or -ENOMEM. */
int inventory_drop_device(Inventory *inventory, PciAddress address);

/* Add or remove a host name of a device. An unknown address is ignored. Return 0 or -ENOMEM. */
int inventory_put_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address);
int inventory_drop_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address);

/* Begins a rescan. The caller then puts every existing device and name. Events may put some of them, too. */
void inventory_begin_rescan(Inventory *inventory);

/* Ends a rescan: drops all devices and names that have not been put since it began. Returns 0 or -ENOMEM. */
int inventory_end_rescan(Inventory *inventory);

/* Sets the state to which the device will be restored: vfiod has detached the device. NULL means that the device is
 * not detached. Copies the origin. If there is no device at the address, adds an absent one. Returns 0 or -ENOMEM. */
int inventory_set_origin(Inventory *inventory, PciAddress address, const DeviceOrigin *origin);

/* Sets whether a user has a lease of the device. An unknown address is ignored. Returns 0 or -ENOMEM. */
int inventory_set_leased(Inventory *inventory, PciAddress address, bool leased);

/* Sets whether a job works on the device. An unknown address is ignored. An absent device without an origin is freed
 * when the activity ends. Returns 0 or -ENOMEM. */
int inventory_set_activity(Inventory *inventory, PciAddress address, DeviceActivity activity);

/* Returns the pending change with index i, from 0, and keeps it. Returns false if there is none. The list can grow
 * between two calls. */
bool inventory_peek_change(const Inventory *inventory, size_t i, Change *ret);

/* Moves all pending changes to *ret. The caller frees them with change_list_done(). */
void inventory_take_changes(Inventory *inventory, ChangeList *ret);
