/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* /dev/vfio/N, the node through which a program takes an IOMMU group. The kernel lets it be opened once: while a VM
 * has it nobody else gets in, and while we have it no VM does. Nor can a program then bind a cdev of the group to an iommufd; but it can
 * open one, see vfio-cdev.h. */

/* Room for "/dev/vfio/2147483647" and its end. */
#define VFIO_NODE_TEXT_MAX 24

/* "/dev/vfio/25" into buffer, which is returned. */
const char *vfio_node_format(int group, char buffer[static VFIO_NODE_TEXT_MAX]);
#define VFIO_NODE_TEXT(group) vfio_node_format(group, (char[VFIO_NODE_TEXT_MAX]){})

/* Takes the group: while the descriptor is open, nobody else can. Returns it; -EBUSY when someone holds the group; -ENOENT where there is no
 * node; another negative errno. */
int vfio_node_lock(const Kernel *kernel, int group);

/* Waits until the node exists. For workers. Returns 0; -ETIMEDOUT; -ENOENT if there is no directory /dev/vfio; or another negative errno. */
int vfio_node_wait(const Kernel *kernel, int group, unsigned timeout_ms);
