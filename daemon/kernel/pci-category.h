/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* What a PCI function is for, in one word that people and front ends know. It comes from the class code, which the PCI Code
 * and ID Assignment Specification defines. */

typedef struct PciCategory {
        const char *name; /* for example "network" */
        const char *icon; /* a name of the freedesktop.org Icon Naming Specification, for example "network-wired" */
} PciCategory;

/* Returns the category of a class of 24 bits: base class, subclass, programming interface. The category of an unknown class
 * is "other". The result is static. */
const PciCategory *pci_category(uint32_t class);
