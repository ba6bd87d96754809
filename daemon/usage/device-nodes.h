/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/pci-facts.h"
#include <sys/types.h>

/* The device nodes that belong to a PCI function: its disks, its network, sound, input and DRM nodes, and its vfio cdev, known by their numbers. */

typedef struct DeviceNode {
        dev_t number;
        bool block; /* else a character device: the numbers are apart */
} DeviceNode;

/* Walks the folder of the function, and of nothing else that is a PCI function. Returns 0 and a list to be freed; -ENOENT where the function
 * is gone; -E2BIG or -ELOOP for more than a function can have; another negative errno. Reads nothing that waits for the device's lock. */
int device_nodes_collect(const Kernel *kernel, PciAddress address, DeviceNode **ret, size_t *ret_n);
