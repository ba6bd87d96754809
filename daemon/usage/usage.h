/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"
#include "usage/host-index.h"
#include "usage/usage-report.h"

/* What of the host uses a device now. For workers: these open devices, walk /proc and read folders of sysfs, and may block. What cannot
 * be determined counts as used: it is reported like a use, with the reason. */

/* Looks at all kinds, and at the functions that are there by the grace of this one; many uses of one kind end in how many more there are.
 * Returns 0, the visitor's value, or a negative errno. */
int usage_of_device(
                const Kernel *kernel, const HostIndex *index, PciAddress address, usage_visit_t visit, void *userdata);

/* The kinds by themselves. */
/* only_visible: the disk is not opened exclusively, so a use that does not show itself is not found. */
int usage_of_disk(const Kernel *kernel, const char *disk, bool only_visible, usage_visit_t visit, void *userdata);
int usage_of_interface(const Kernel *kernel, const char *interface, usage_visit_t visit, void *userdata);
int usage_of_display(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata);
int usage_by_processes(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata);
