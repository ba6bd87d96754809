/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/snapshot.h"

/* Which parts of the host use a device now. For workers: these functions open devices, ask vfiod-census (census.h)
 * and read directories of sysfs, so they may block. Each use goes to the callback of the snapshot. Each function
 * returns 0, the value of the callback, or a negative errno.
 *
 * What cannot be determined counts as in use: it is reported like a use, with the reason. What an ordinary user can
 * fake is no evidence: otherwise a user could keep root from a device, or could teach root to override the guards. */

/* Looks for all kinds of uses of a device that the snapshot was made for, and of the functions below it that belong to
 * no other device of the snapshot. Returns -EINVAL for a device that the snapshot was not made for. */
int usage_of_device(UsageSnapshot *snapshot, PciAddress address);

/* Look for one kind of uses. */
int usage_of_disks(UsageSnapshot *snapshot, PciAddress address);
int usage_of_interface(UsageSnapshot *snapshot, const char *interface);
/* All interfaces of a function. It also finds an interface that udev renamed after the snapshot had listed the names. */
int usage_of_interfaces(UsageSnapshot *snapshot, const SnapshotFunction *function);
int usage_of_display(UsageSnapshot *snapshot, const SnapshotFunction *function);
int usage_of_console(UsageSnapshot *snapshot, PciAddress address);
int usage_of_memory(UsageSnapshot *snapshot, const SnapshotFunction *function);
int usage_by_processes(UsageSnapshot *snapshot, PciAddress address);
int usage_of_children(UsageSnapshot *snapshot, const SnapshotFunction *function);
