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

/* The device is there and looks so. Returns 0 or -ENOMEM. */
int inventory_put_device(Inventory *inventory, const PciFacts *facts);

/* The device is gone from its slot. One that vfiod detached stays, as absent. Returns 0 or -ENOMEM. */
int inventory_drop_device(Inventory *inventory, PciAddress address);

/* The host calls a device so, or not any more. Of a device that is not known nothing is noted. Returns 0 or -ENOMEM. */
int inventory_put_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address);
int inventory_drop_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address);

/* A rescan: between begin and end every device and name that is there is put, and the end drops the others. */
void inventory_begin_rescan(Inventory *inventory);
int inventory_end_rescan(Inventory *inventory);

/* What vfiod recorded of the device when it took it, copied; NULL for one that is not detached (any more). Makes an absent device
 * where none is. Returns 0 or -ENOMEM. */
int inventory_set_origin(Inventory *inventory, PciAddress address, const DeviceOrigin *origin);

/* What a job does with the device. Returns 0 or -ENOMEM. */
int inventory_set_activity(Inventory *inventory, PciAddress address, DeviceActivity activity);

/* Hands out what changed since the last time; the caller frees it with change_list_done(). */
void inventory_take_changes(Inventory *inventory, ChangeList *ret);
