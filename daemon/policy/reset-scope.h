/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* What the reset of a device takes along. A virtual machine resets its devices when it starts and ends. A device that has
 * no reset of its own is reset with its bus, and so are all devices on this bus and below it. The kernel does that only if
 * the virtual machine has all of them. A device on a root bus has no bridge above it that could reset its bus. */

/* Tells whether a method resets only the function itself: each does, except those that reset the bus. */
bool reset_scope_has_own(const Device *device);

/* Lists, in words, the devices of other groups that a reset of the device's bus resets, too: "" for none. The caller frees *ret. Returns
 * 0 or -ENOMEM. */
int reset_scope_list_others(const Inventory *inventory, const Device *device, char **ret);

/* Lists, in words, all other devices that a reset of the device's bus resets, too, also those of its group. The rest is as
 * for reset_scope_list_others(). */
int reset_scope_list_all(const Inventory *inventory, const Device *device, char **ret);

/* Adds a warning if a member cannot be reset, or only together with devices of other groups. Returns 0 or -ENOMEM. */
int reset_scope_warn(const Inventory *inventory, Plan *plan);
