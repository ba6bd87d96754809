/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Access to the kernel: open directories of its file systems, and a function that loads modules. Tests and the
 * simulator use other directories and another function; the rest of the code is the same. */

typedef struct Kernel Kernel;

/* Loads a module and its dependencies. Returns 0 if the module is loaded, also if it was loaded before; -ENOENT for
 * an unknown module; -EPERM if the administrator has blacklisted it; -ENOEXEC if modprobe.d replaces loading with a
 * command; or another negative errno of the kernel. This may block for a long time, so only workers call it. */
typedef int (*load_module_t)(const Kernel *kernel, const char *module, void *userdata);

struct Kernel {
        int sys_fd;     /* /sys */
        int devices_fd; /* /sys/bus/pci/devices */
        int dev_fd;     /* /dev */
        int proc_fd;    /* /proc */
        load_module_t load_module;
        void *load_module_userdata;
        const struct CensusPort *census; /* finds the holders of nodes (usage/census.h); NULL: this process does */
        bool has_own_network; /* simulated machine: its network interfaces are not those of this process and have no routes */
        bool has_own_nodes; /* simulated machine: no process outside of it can hold one of its device nodes */
};

/* Opens the directories sys, dev and proc, and sys/bus/pci/devices. load_module is NULL for a process that loads no
 * modules. userdata is borrowed. The caller frees the result with kernel_free(), which closes the directories.
 * Returns 0 or a negative errno: -ENOENT if a directory does not exist, -ENOMEM. */
int kernel_new(const char *sys, const char *dev, const char *proc, load_module_t load_module, void *userdata,
                Kernel **ret);
Kernel *kernel_free(Kernel *kernel);
DEFINE_TRIVIAL_CLEANUP_FUNC(Kernel *, kernel_free)
