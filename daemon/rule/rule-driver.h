/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "policy/rule.h"

/* Gets the vfio driver that an early rule writes to driver_override, and loads its module, so that it does not bind later
 * by itself. Without Driver= it is vfio-pci: a variant driver is chosen only for a device that is there. For workers. */
const char *rule_driver(const Kernel *kernel, const Rule *rule, char buffer[static DRIVER_NAME_MAX]);
