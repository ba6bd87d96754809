/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/kernel.h"

/* Makes sure that the kernel has the driver. Loads its module if necessary; NULL: the module has the name of the
 * driver. For workers. Returns 0; DRIVER_UNAVAILABLE with the reason and a remedy in the message; or -ENOMEM. */
int driver_ensure(const Kernel *kernel, const char *driver, const char *module, Problem *problem);
