/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "kernel/kernel.h"

/* Drivers of the PCI bus, and the kernel modules that contain them. */

/* Buffer size for the name of a driver or module with its NUL byte. The kernel limits the name of a module to 55
 * bytes, but the name of a driver only by what a sysfs path can hold. It may have any byte but '/'. */
#define DRIVER_NAME_MAX (NAME_MAX + 1)

/* Writes "/sys/bus/pci/drivers/NAME/unbind" into buffer, escaped for messages to the administrator, and returns
 * buffer. The macro uses a buffer of the enclosing block. */
#define DRIVER_UNBIND_TEXT_MAX (TEXT_ESCAPED_MAX(NAME_MAX) + 32)
const char *modules_format_unbind(const char *driver, char buffer[static DRIVER_UNBIND_TEXT_MAX]);
#define DRIVER_UNBIND_TEXT(driver) modules_format_unbind(driver, (char[DRIVER_UNBIND_TEXT_MAX]){})

/* Tells whether the kernel has a PCI driver of this name now. False for an invalid name. */
bool modules_driver_exists(const Kernel *kernel, const char *driver);

/* Writes the name of the module that contains a loaded driver into buffer, which has size bytes. Returns 0; -ENOENT
 * if the driver is built into the kernel or is not loaded; -EINVAL for an invalid name; -ENAMETOOLONG; or another
 * negative errno. */
int modules_of_driver(const Kernel *kernel, const char *driver, char *buffer, size_t size);

/* Tells whether the names are the same for the kernel, to which '-' and '_' are equal in the name of a module. */
bool modules_names_equal(const char *a, const char *b);

/* Finds the PCI driver that a loaded module provides: the name of a driver and that of its module can differ, and not
 * only in '-' and '_'. Of several drivers, finds a vfio driver. If there is no such module, finds a driver of that name,
 * because it may be built in. Returns 0 or -ENOENT. */
int modules_find_driver(const Kernel *kernel, const char *module, char buffer[static DRIVER_NAME_MAX]);

/* Loads the module of a driver, unless the driver exists. If module is NULL, the module has the name of the driver;
 * libkmod treats '-' and '_' as equal. A client may give only names of vfio drivers. Returns 0 if the driver exists;
 * -ENOENT if there is no such module; -EPERM if it is blacklisted; -ENOEXEC if modprobe.d replaces loading with a
 * command, which vfiod does not run; -ENODEV if the module was loaded but does not contain the driver; or another
 * negative errno. This can block for a long time, so only workers call it. */
int modules_ensure_driver(const Kernel *kernel, const char *driver, const char *module);

/* Loads a module, unless it is loaded, and finds its driver as modules_find_driver() does. Returns as
 * modules_ensure_driver() does. */
int modules_load_driver(const Kernel *kernel, const char *module, char buffer[static DRIVER_NAME_MAX]);

/* Tells whether kernel lockdown is on ("integrity" or "confidentiality"): then the kernel loads only signed modules.
 * Copies the mode into ret_mode. If securityfs is not mounted or cannot be read, lockdown counts as off: the result
 * is used only in messages. */
#define LOCKDOWN_MAX 32
bool lockdown_read(const Kernel *kernel, char ret_mode[static LOCKDOWN_MAX]);

/* Whether a module of the running kernel is on disk. A package manager that upgrades the kernel may remove the
 * modules of the running one. */
typedef enum ModuleFile {
        MODULE_FILE_UNKNOWN,   /* the files cannot be read */
        MODULE_FILE_EXISTS,    /* or the module is built in */
        MODULE_FILE_MISSING,   /* the kernel has other modules */
        MODULE_FILE_NO_FOLDER, /* the kernel has no modules on disk at all */
        _MODULE_FILE_MAX,
} ModuleFile;

/* Buffer size for the release of a kernel (__NEW_UTS_LEN). */
#define KERNEL_RELEASE_MAX 65

typedef struct ModuleSearch {
        ModuleFile file;
        char release[KERNEL_RELEASE_MAX]; /* of the running kernel */
        char other[KERNEL_RELEASE_MAX];   /* another installed kernel that has the module; "" for none */
} ModuleSearch;

/* Searches /lib/modules for a module; '-' and '_' are equal in its name. A worker does not see this directory, so its
 * kernel asks vfiod-modules. Reads large files. */
void modules_search(const Kernel *kernel, const char *module, ModuleSearch *ret);
