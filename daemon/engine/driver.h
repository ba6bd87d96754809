/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/pci-facts.h"

/* Makes sure that the kernel has the driver. Loads its module if necessary; NULL: the module has the name of the
 * driver. For workers. Returns 0; DRIVER_UNAVAILABLE with the reason and a remedy in the message; or -ENOMEM. */
int driver_ensure(const Kernel *kernel, const char *driver, const char *module, Problem *problem);

/* Finds the loaded vfio driver of this name, or of the module of this name. Returns 0 or -ENOENT. */
int driver_find_vfio(const Kernel *kernel, const char *name, char ret_driver[static DRIVER_NAME_MAX]);

/* The same, but loads the module if necessary. For workers. Returns as driver_ensure() does. */
int driver_ensure_vfio(
                const Kernel *kernel, const char *name, char ret_driver[static DRIVER_NAME_MAX], Problem *problem);
