/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"
#include "model/inventory.h"

/* Reads devices and names from the kernel into the inventory. The first scan, a rescan and every event use the same
 * code, so that their results are the same. A device that vanishes while it is read is no error. follower.h reads
 * everything at once. */

/* Reads one device. Returns 0 or a negative errno.
 *
 * While the kernel probes a driver, the "driver" link of the device exists already. If the probe fails, the kernel
 * removes the link without an event (measured). So the link alone does not confirm a driver. A "bind" event does,
 * because the kernel sends it after the probe. Without this event, the link must be read again 0.1, 0.5, 2.5 and
 * 12.5 seconds after the first reading. If the driver differs then, the model is updated and the readings begin
 * again. After the last reading the driver counts as confirmed. */
int scan_device(const Kernel *kernel, Inventory *inventory, PciAddress address);

/* The same for a device that the inventory may know: if its card is still in the slot, reads only what can have changed (see
 * pci_device_read_changes()). */
int scan_changes(const Kernel *kernel, Inventory *inventory, PciAddress address);

/* Reads the driver link of a device again, when this is due (driver_is_due). The pointer is invalid afterwards if
 * the device is gone. Returns 0, or a negative errno; then the driver counts as confirmed, too. */
int scan_driver_again(const Kernel *kernel, Inventory *inventory, Device *device);

/* Reads which devices have the name now, and adds it to them. Other devices keep it. Returns 0 or a negative errno. */
int scan_name(const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *name);

/* Reads the device or name that an event is about. Returns 0 or a negative errno. */
int scan_event(const Kernel *kernel, Inventory *inventory, const Uevent *event);
