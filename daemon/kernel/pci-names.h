/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"

/* Names of vendors, devices and classes from the pci.ids database, through libpci. libpci reads the database at the
 * first look-up (measured: 13 ms and 2.2 MiB), so a daemon without look-ups saves this cost. */

typedef struct PciNames PciNames;

/* The caller frees the result with pci_names_free(). A missing database is not an error: every look-up then returns
 * "". Returns 0 or -ENOMEM. */
int pci_names_new(PciNames **ret);
PciNames *pci_names_free(PciNames *names);
DEFINE_TRIVIAL_CLEANUP_FUNC(PciNames *, pci_names_free)

typedef enum PciNameKind {
        PCI_NAME_VENDOR,
        PCI_NAME_DEVICE,
        PCI_NAME_SUBSYSTEM,
        PCI_NAME_CLASS,
} PciNameKind;

/* Buffer size for a name with its NUL byte. */
#define PCI_NAME_MAX 256

/* Writes the name into buffer, or "" if the database has none, and returns buffer. After an error of libpci, all
 * look-ups return "". */
const char *pci_names_lookup(PciNames *names, PciNameKind kind, const PciIds *ids, char buffer[static PCI_NAME_MAX]);
