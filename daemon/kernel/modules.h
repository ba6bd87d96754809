/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "kernel/kernel.h"

/* Drivers of the PCI bus and the modules that bring them. */

/* Longest name of a driver or module, with its end. The kernel limits a module's name to 55 bytes, but a driver's name only by what a path of
 * sysfs can hold. It may have any byte but '/'. */
#define DRIVER_NAME_MAX (NAME_MAX + 1)

/* "/sys/bus/pci/drivers/NAME/unbind", escaped for a message, into buffer, which is returned: where an administrator takes a device from a driver. */
#define DRIVER_UNBIND_TEXT_MAX (TEXT_ESCAPED_MAX(NAME_MAX) + 32)
const char *modules_format_unbind(const char *driver, char buffer[static DRIVER_UNBIND_TEXT_MAX]);
#define DRIVER_UNBIND_TEXT(driver) modules_format_unbind(driver, (char[DRIVER_UNBIND_TEXT_MAX]){})

/* Whether the kernel has a PCI driver of that name now. */
bool modules_driver_exists(const Kernel *kernel, const char *driver);

/* The module that a loaded driver came from. Returns 0; -ENOENT for a driver that is built in or not there. */
int modules_of_driver(const Kernel *kernel, const char *driver, char *buffer, size_t size);

/* Makes sure that the driver is there, loading the module (NULL: the one named like the driver, as modprobe folds '-' and '_') if
 * needed. Never called with what a client wrote. Returns 0; -ENOENT without such a module; -EPERM for a blacklisted one; -ENOEXEC for one that a command in modprobe.d is
 * to load; -ENODEV when the module loaded and brought no such driver; another negative errno. May take long: for workers only. */
int modules_ensure_driver(const Kernel *kernel, const char *driver, const char *module);

/* What a kernel_new() with no loader of its own uses. */
int modules_load_with_kmod(const Kernel *kernel, const char *module, void *userdata);
