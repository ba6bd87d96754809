/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"
#include "usage/host-index.h"

/* What of the host uses a device now. For workers: these open devices, walk /proc and read folders of sysfs, and may block. What cannot
 * be determined counts as used: it is reported like a use, with the reason. */

typedef enum UsageKind {
        USAGE_STORAGE, /* a disk on it is mounted, swapped to, or part of something */
        USAGE_NETWORK, /* a network interface of it has addresses or routes, or is part of something */
        USAGE_DISPLAY, /* it shows the host's screen */
        USAGE_PROCESS, /* a process has one of its device nodes open */
        _USAGE_KIND_MAX,
} UsageKind;

/* Called for each use: what shows it. A return other than 0 ends the search. */
typedef int (*usage_visit_t)(UsageKind kind, const char *evidence, void *userdata);

/* Looks at all kinds, and at the functions that are there by the grace of this one; many uses of one kind end in how many more there are.
 * Returns 0, the visitor's value, or a negative errno. */
int usage_of_device(
                const Kernel *kernel, const HostIndex *index, PciAddress address, usage_visit_t visit, void *userdata);

/* The kinds by themselves. */
int usage_of_disk(const Kernel *kernel, const char *disk, usage_visit_t visit, void *userdata);
int usage_of_interface(const Kernel *kernel, const char *interface, usage_visit_t visit, void *userdata);
int usage_of_display(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata);
int usage_by_processes(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata);

/* Formats the evidence, escapes it as a message (base/text.h) and calls the visitor. */
int usage_report(usage_visit_t visit, void *userdata, UsageKind kind, const char *format, ...) _printf_(4, 5);
