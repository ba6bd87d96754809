/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Access to the kernel: open directories of its file systems, and a function that loads modules. Tests and the
 * simulator use other directories and another function; the rest of the code is the same. */

typedef struct Kernel Kernel;

/* Loads a module and its dependencies. Returns 0 if the module is loaded, also if it was loaded before; -ENOENT for
 * an unknown module; -EPERM if the administrator has blacklisted it; -ENOEXEC if modprobe.d replaces loading with a
 * command; -ELIBBAD if the module on disk was built for another kernel; or another negative errno of the kernel. This
 * may block for a long time, so only workers call it. */
typedef int (*load_module_t)(const Kernel *kernel, const char *module, void *userdata);

/* Searches the modules on disk in another process, as modules_search() does. The result is MODULE_FILE_UNKNOWN if that
 * process does not answer. */
struct ModuleSearch;
typedef void (*search_module_t)(const Kernel *kernel, const char *module, struct ModuleSearch *ret, void *userdata);

/* Reads the list of variant drivers in another process, as variant_list_read() does. Returns the same; and
 * -ECONNREFUSED if that process does not answer. */
struct VariantList;
typedef int (*list_variants_t)(const Kernel *kernel, struct VariantList *ret, void *userdata);

struct Kernel {
        int sys_fd;     /* /sys */
        int devices_fd; /* /sys/bus/pci/devices */
        int dev_fd;     /* /dev */
        int proc_fd;    /* /proc */
        int root_fd;    /* /, for the modules on disk and the boot loader; negative if not known */
        load_module_t load_module;
        search_module_t search_module;   /* NULL: this process searches */
        list_variants_t list_variants;   /* NULL: this process reads them */
        void *load_module_userdata;      /* of all three */
        const struct CensusPort *census; /* finds the holders of nodes (usage/census.h); NULL: this process does */
        bool has_own_network; /* simulated machine: its network interfaces are not those of this process and have no routes */
        bool has_own_nodes; /* simulated machine: no process outside of it can hold one of its device nodes */
};

/* Opens the directories sys, dev and proc, and sys/bus/pci/devices. load_module is NULL for a process that loads no
 * modules. userdata is borrowed. The caller frees the result with kernel_free(), which closes the directories.
 * Returns 0 or a negative errno: -ENOENT if a directory does not exist, -ENOMEM. */
int kernel_new(const char *sys, const char *dev, const char *proc, load_module_t load_module, void *userdata,
                Kernel **ret);

/* Opens the root directory for what is not part of the kernel itself: the modules on disk, and the settings of the
 * boot loader, of modprobe and of other programs that bind devices. Nothing else is read there. A kernel without it gives less advice. Returns 0 or a negative errno. */
int kernel_open_root(Kernel *kernel, const char *root);

/* Reads a small regular file below the root directory, for example "etc/default/grub". Does not block, whatever the
 * file is. The caller frees *ret. Returns 0; -ENOENT if there is none; -EINVAL if it is no regular file; -E2BIG if it
 * is longer than max bytes; or another negative errno. */
int kernel_read_file(const Kernel *kernel, const char *path, size_t max, char **ret);

/* Closes the directories. Accepts and returns NULL. */
Kernel *kernel_free(Kernel *kernel);
DEFINE_TRIVIAL_CLEANUP_FUNC(Kernel *, kernel_free)
