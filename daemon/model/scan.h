/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"
#include "model/inventory.h"

/* From the kernel into the inventory. The first scan, a rescan and every event go through the same code, so that they cannot
 * disagree. A device that vanishes while it is read is gone; that is no error. Everything at once is in rescan.h. */

/* Reads one device. Returns 0 or a negative errno.
 *
 * While the kernel probes a driver, the device's "driver" link exists already. When the probe fails, the link goes again and no event
 * tells it. So a driver is not confirmed by the reading of its link. A "bind" event confirms it, because the kernel sends it after the
 * probe. Without one, the link has to be read again 0.1, 0.5, 2.5 and 12.5 seconds after the first reading. A reading that differs
 * updates the model and begins again; after the last one the driver counts as confirmed. */
int scan_device(const Kernel *kernel, Inventory *inventory, PciAddress address);

/* Reads the driver link of a device again, when its driver_due_us has come. The pointer is invalid afterwards if the device is gone. Returns 0 or a negative errno; the
 * driver counts as confirmed also then. */
int scan_driver_again(const Kernel *kernel, Inventory *inventory, Device *device);

/* Reads who carries one name now. Whoever carried it before keeps it. Returns 0 or a negative errno. */
int scan_name(const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *name);

/* Looks again where an event points. */
int scan_event(const Kernel *kernel, Inventory *inventory, const Uevent *event);
