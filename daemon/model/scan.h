/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"
#include "model/inventory.h"

/* From the kernel into the inventory. The first scan, a rescan and every event go through the same code, so that they cannot
 * disagree. A device that vanishes while it is read is gone; that is no error. Everything at once is in rescan.h. */

/* Reads one device. */
int scan_device(const Kernel *kernel, Inventory *inventory, PciAddress address);

/* Reads who carries one name now. Whoever carried it before keeps it. Returns 0 or a negative errno. */
int scan_name(const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *name);

/* Looks again where an event points. */
int scan_event(const Kernel *kernel, Inventory *inventory, const Uevent *event);
