/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The overrides of driverctl(8): a file "pci-0000:3b:00.0" contains the name of the driver that the device gets at each boot. Old
 * versions call it "0000:3b:00.0". */

#define DRIVERCTL_FOLDER "/etc/driverctl.d"

/* So many files are read at most. */
#define DRIVERCTL_ENTRIES_MAX 1024

typedef struct DriverctlEntry {
        char *file;    /* name of the file */
        char *address; /* of the PCI device; NULL if reason is set */
        char *driver;  /* the same */
        char *reason;  /* why the entry cannot be imported; NULL if it can */
} DriverctlEntry;

typedef struct DriverctlList {
        DriverctlEntry *entries; /* sorted by file */
        size_t n_entries;
        bool has_more; /* than DRIVERCTL_ENTRIES_MAX */
} DriverctlList;

/* Reads all overrides. A file that is damaged, or is no override for a virtual machine, gets a reason. The caller calls
 * driverctl_list_clear(). Returns 0 or a negative errno: -ENOENT if there is no such folder. */
int driverctl_read(const char *folder, DriverctlList *ret);
void driverctl_list_clear(DriverctlList *list);
