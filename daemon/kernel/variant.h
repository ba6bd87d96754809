/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"

/* Variant drivers: vfio drivers for some types of devices. They can do more with these than vfio-pci, for example
 * migrate them. Their modules have aliases like "vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*". The kernel itself never uses
 * these: a driver that matches only by such an alias binds only where driver_override names it (kernel source:
 * PCI_DRIVER_OVERRIDE_DEVICE_VFIO). */

/* A line of modules.alias. */
typedef struct Variant {
        char *pattern; /* "vfio_pci:...", with wildcards */
        char *module;
        bool blacklisted; /* in modprobe.d */
} Variant;

typedef struct VariantList {
        Variant *variants;
        size_t n_variants;
} VariantList;

/* More lines are ignored. Linux 6.12 has about 60 of them. */
#define VARIANTS_MAX 4096

/* The longest pattern and name of a module, with the NUL byte. */
#define VARIANT_PATTERN_MAX 256
#define VARIANT_MODULE_MAX 64

void variant_list_done(VariantList *list);
#define _cleanup_variants_ _cleanup_(variant_list_done)

/* Appends a variant. Returns 0; -E2BIG if a text is too long or the list is full; or -ENOMEM. */
int variant_list_add(VariantList *list, const char *pattern, const char *module, bool blacklisted);

/* Reads the variants in modules.alias of the running kernel, a large file. Does not know what is blacklisted. A worker
 * does not see this file, so its kernel asks vfiod-modules. The caller frees the list with variant_list_done(). Returns
 * 0, also if there is no such file; or a negative errno. */
int variant_list_read(const Kernel *kernel, VariantList *ret);

/* Finds the variant driver for a device: the line with the fewest wildcards that matches, as libvirt chooses. Returns
 * NULL if only vfio-pci is for it. */
const Variant *variant_list_find(const VariantList *list, const PciIds *ids);
