/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/pci-facts.h"
#include <sys/types.h>

/* The device nodes that belong to a PCI function: those of its disks, sound cards, input devices, DRM cards, its vfio cdev and so on, by their numbers. */

typedef struct DeviceNode {
        dev_t number;
        bool block; /* or else a character device: both kinds have numbers of their own */
} DeviceNode;

/* Walks the folder of the function, without the folders of other PCI functions in it. Returns 0 and a list, which the caller frees; -ENOENT where the
 * function is gone; -E2BIG or -ELOOP where it has more nodes or folders than any function has; another negative errno. Reads nothing that waits for the
 * device's lock. */
int device_nodes_collect(const Kernel *kernel, PciAddress address, DeviceNode **ret, size_t *ret_n);
