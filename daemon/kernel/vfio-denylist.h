/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The devices that vfio-pci refuses to bind, unless its parameter disable_denylist is set: an untrusted guest could
 * harm the host with them (vfio_pci_dev_in_denylist() in drivers/vfio/pci/vfio_pci.c). */

/* Returns the name of a device on the denylist, a static string; or NULL. */
const char *vfio_denylist_find(uint16_t vendor, uint16_t device);

/* Tells whether disable_denylist is set: in the loaded module; or, if it is not loaded, on the kernel command line
 * or in modprobe.d. Reads files on disk, so only workers call it. */
bool vfio_denylist_is_disabled(const Kernel *kernel);
