/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"
#include "model/inventory.h"

/* From the kernel into the inventory. The first scan, a rescan and every event go through the same code, so that they cannot
 * disagree. A device that vanishes while it is read is gone; that is no error. */

/* Reads everything. Returns 0 or a negative errno. */
int scan_all(const Kernel *kernel, Inventory *inventory);

/* Reads one device. */
int scan_device(const Kernel *kernel, Inventory *inventory, PciAddress address);

/* Looks again where an event points. */
int scan_event(const Kernel *kernel, Inventory *inventory, const Uevent *event);
