/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/snapshot.h"
#include "usage/usage-report.h"

/* What of the host uses a device now. For workers: these functions open devices, walk /proc and read folders of sysfs, and may block.
 *
 * What cannot be determined counts as in use: it is reported like a use, with the reason. What an ordinary user can fake is no evidence: otherwise he could keep root
 * from a device, or teach root to override the guards. */

/* Looks for all kinds of uses of a device that the snapshot was made for, and of the functions that lie below it. Returns 0, the visitor's value, or a
 * negative errno. */
int usage_of_device(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata);

/* The kinds by themselves, of one function. */
int usage_of_disks(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata);
int usage_of_disk(UsageSnapshot *snapshot, const char *disk, usage_visit_t visit, void *userdata);
int usage_of_interface(UsageSnapshot *snapshot, const char *interface, usage_visit_t visit, void *userdata);
int usage_of_display(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata);
int usage_by_processes(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata);
