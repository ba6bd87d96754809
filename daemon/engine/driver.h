/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/kernel.h"

/* Makes sure that the kernel has the driver, loading its module (NULL: the one named like it). For workers. Returns 0, or DRIVER_UNAVAILABLE with the
 * reason and a cure in the message; or -ENOMEM. */
int driver_ensure(const Kernel *kernel, const char *driver, const char *module, Problem *problem);
