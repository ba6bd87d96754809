/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/snapshot.h"

/* What of the host uses a device now. For workers: these functions open devices, walk /proc and read folders of sysfs, and may block.
 *
 * What cannot be determined counts as in use: it is reported like a use, with the reason. What an ordinary user can fake is no evidence: otherwise he could keep root
 * from a device, or teach root to override the guards. */

typedef enum UsageKind {
        USAGE_STORAGE, /* a disk of it is mounted, swapped to, or part of something */
        USAGE_NETWORK, /* a network interface of it has addresses or routes, or is part of something */
        USAGE_DISPLAY, /* it shows the host's screen */
        USAGE_PROCESS, /* a process has one of its device nodes open */
        _USAGE_KIND_MAX,
} UsageKind;

/* Called for each use, with the evidence. A return other than 0 ends the search. A device can have thousands of uses: the visitor decides how many it keeps. */
typedef int (*usage_visit_t)(UsageKind kind, const char *evidence, void *userdata);

/* Looks for all kinds of uses of a device that the snapshot was made for, and of the functions that lie below it. Returns 0, the visitor's value, or a
 * negative errno. */
int usage_of_device(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata);

/* The kinds by themselves, of one function. */
int usage_of_disks(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata);
int usage_of_disk(UsageSnapshot *snapshot, const char *disk, usage_visit_t visit, void *userdata);
int usage_of_interface(UsageSnapshot *snapshot, const char *interface, usage_visit_t visit, void *userdata);
int usage_of_display(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata);
int usage_by_processes(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata);

/* Formats the evidence and calls the visitor. */
int usage_report(usage_visit_t visit, void *userdata, UsageKind kind, const char *format, ...) _printf_(4, 5);
