/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"

/* Names of vendors, devices and classes from the pci.ids database, through libpci. The database is read at the first look-up:
 * a daemon that nobody asks for names never pays for it. */

typedef struct PciNames PciNames;

/* Cannot fail but for memory: without a database every look-up answers that there is no name. */
int pci_names_new(PciNames **ret);
PciNames *pci_names_free(PciNames *names);
DEFINE_TRIVIAL_CLEANUP_FUNC(PciNames *, pci_names_free)

typedef enum PciNameKind {
        PCI_NAME_VENDOR,
        PCI_NAME_DEVICE,
        PCI_NAME_SUBSYSTEM,
        PCI_NAME_CLASS,
} PciNameKind;

/* Longest name that is given out, with its end. */
#define PCI_NAME_MAX 256

/* The name into buffer, "" where there is none; returns buffer. */
const char *pci_names_lookup(PciNames *names, PciNameKind kind, const PciIds *ids, char buffer[static PCI_NAME_MAX]);
