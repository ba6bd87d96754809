/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"
#include <sys/types.h>

/* The device nodes of a PCI function: those of its disks, sound cards, input devices, DRM cards, its vfio cdev, the group
 * nodes and cdevs of its mediated devices, and so on. */

typedef struct DeviceNode {
        dev_t number;
        bool block; /* block devices and character devices have separate numbers */
} DeviceNode;

/* For sorting: negative, 0 or positive. */
static inline int device_node_compare(const DeviceNode *a, const DeviceNode *b) {
        return a->number != b->number ? COMPARE(a->number, b->number) : COMPARE(a->block, b->block);
}

/* Collects the numbers of the nodes from the sysfs directory of the function, without the directories of other PCI
 * functions in it. Does not read attributes that wait for the device lock. The caller frees *ret. Returns 0; -ENOENT
 * if the function does not exist; -E2BIG or -ELOOP if there are more nodes or directories than a real function has;
 * or another negative errno. */
int device_nodes_collect(const Kernel *kernel, PciAddress address, DeviceNode **ret, size_t *ret_n);
