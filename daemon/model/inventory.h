/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/change.h"
#include "model/group.h"

/* Every PCI function and IOMMU group of the host, in memory: a cache of what sysfs says, plus what vfiod itself did. Each
 * function below notes what became different; inventory_take_changes() hands that out once a turn of the loop. */

typedef struct Inventory Inventory;

int inventory_new(Inventory **ret);
Inventory *inventory_free(Inventory *inventory);
DEFINE_TRIVIAL_CLEANUP_FUNC(Inventory *, inventory_free)

/* Look-ups; NULL for what is not there. The pointers hold until the next call that changes the inventory. */
Device *inventory_find_device(const Inventory *inventory, PciAddress address);
Group *inventory_find_group(const Inventory *inventory, int number);

/* All of them, in order; valid likewise. */
Device *const *inventory_devices(const Inventory *inventory, size_t *ret_n);
Group *const *inventory_groups(const Inventory *inventory, size_t *ret_n);

/* The device is there and looks so. One that was not there before is marked as appeared, until that is cleared or it goes again.
 * Returns 0 or -ENOMEM. */
int inventory_put_device(Inventory *inventory, const PciFacts *facts);

/* The link of a device was read. Of a device that is suspended only what it is at most stays known. A reading of another card than
 * the one that is known is ignored. Returns 0 or -ENOMEM. */
int inventory_put_link(Inventory *inventory, const PciLinkReading *read);
void inventory_clear_appeared(Inventory *inventory, PciAddress address);

/* The device is gone from its slot. One that vfiod detached stays, as absent, and one that a job is at work on until that ends.
 * Returns 0 or -ENOMEM. */
int inventory_drop_device(Inventory *inventory, PciAddress address);

/* The host calls a device so, or not any more. Of a device that is not known nothing is noted. Returns 0 or -ENOMEM. */
int inventory_put_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address);
int inventory_drop_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address);

/* For driver-check.h: when the next driver link is to be read again, on CLOCK_MONOTONIC in microseconds; 0 for never. */
uint64_t *inventory_next_check(Inventory *inventory);

/* A rescan: between begin and end every device and name that is there is put, by whomever, and the end drops the others. */
void inventory_begin_rescan(Inventory *inventory);

/* The first device behind that address, or of all, that is held to be there and was not put since the begin; NULL for none. */
const Device *inventory_find_unseen(const Inventory *inventory, const PciAddress *after);
int inventory_end_rescan(Inventory *inventory);

/* What vfiod recorded of the device when it took it, copied; NULL for one that is not detached (any more). Makes an absent device
 * where none is. Returns 0 or -ENOMEM. */
int inventory_set_origin(Inventory *inventory, PciAddress address, const DeviceOrigin *origin);

/* What a job does with the device. Returns 0 or -ENOMEM. */
int inventory_set_activity(Inventory *inventory, PciAddress address, DeviceActivity activity);

/* What changed since the last time, without taking it: the i-th entry, from 0. Returns false where there are no more; more may come while one looks. */
bool inventory_peek_change(const Inventory *inventory, size_t i, Change *ret);

/* Hands out what changed since the last time; the caller frees it with change_list_done(). */
void inventory_take_changes(Inventory *inventory, ChangeList *ret);
