/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* The kernel as vfiod sees it: the roots of its file systems, held open, and the one service that is no file. Tests and
 * the simulator open other roots; nothing else differs. */

typedef struct Kernel Kernel;

/* Loads the module of that name with what it depends on. Returns 0 when it is there, -ENOENT for an unknown one, -EPERM for
 * one that the administrator has blacklisted, another negative errno from the kernel. May take long: for workers only. */
typedef int (*load_module_t)(const Kernel *kernel, const char *module, void *userdata);

struct Kernel {
        int sys_fd;     /* /sys */
        int devices_fd; /* /sys/bus/pci/devices */
        int dev_fd;     /* /dev */
        int proc_fd;    /* /proc */
        load_module_t load_module;
        void *load_module_userdata;
        bool has_own_network; /* the interfaces are not those of the process: a simulated machine, which has no routes */
        bool has_own_nodes; /* the device nodes are simulated, too: a process that may not be examined cannot have one open */
};

/* Opens the roots; NULL for load_module means libkmod and the running kernel's modules. Returns 0 or a negative errno:
 * -ENOENT where there is no such folder. The caller frees it with kernel_free(). */
int kernel_new(const char *sys, const char *dev, const char *proc, load_module_t load_module, void *userdata,
                Kernel **ret);
Kernel *kernel_free(Kernel *kernel);
DEFINE_TRIVIAL_CLEANUP_FUNC(Kernel *, kernel_free)
