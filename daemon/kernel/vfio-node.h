/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/iommu.h"
#include "kernel/vfio-cdev.h"

/* /dev/vfio/N, the node of an IOMMU group. The kernel lets only one process open it. While a virtual machine has it open, vfiod
 * cannot open it. While vfiod has it open, no program can open it or bind a cdev of the group to an iommufd, but a program
 * can still open a cdev, see vfio-cdev.h.
 *
 * A group without an IOMMU has the node /dev/vfio/noiommu-N. Only a process with CAP_SYS_RAWIO can open it (kernel source),
 * so vfiod cannot. */

/* Formats "/dev/vfio/25", or "/dev/vfio/noiommu-25" for a group without an IOMMU (see kernel/iommu.h), into buffer, and
 * returns buffer. */
#define VFIO_NODE_TEXT_MAX 32

const char *vfio_node_format(int group, bool no_iommu, char buffer[static VFIO_NODE_TEXT_MAX]);
#define VFIO_NODE_TEXT(group, no_iommu) vfio_node_format(group, no_iommu, (char[VFIO_NODE_TEXT_MAX]){})

/* Reads whether the group has an IOMMU, and formats its node. */
#define VFIO_NODE_TEXT_OF(kernel, group) VFIO_NODE_TEXT(group, iommu_group_has_no_iommu(kernel, group))

/* Reads the device number of the node from /sys/class/vfio. /dev may have another file under the name of the node: one of an
 * earlier boot, if /dev is on a disk, or one that somebody made in a container. So only this number tells which node is
 * right. Returns 1 and the number; 0 if the kernel has no such node, because no member of the group is on a vfio driver or the
 * kernel has no group nodes; -EINVAL for an invalid number; or another negative errno. */
int vfio_node_read_number(const Kernel *kernel, int group, bool no_iommu, dev_t *ret);

/* Tells whether /dev/vfio/N is the node with this number. Does not open it. */
bool vfio_node_is_right(const Kernel *kernel, int group, dev_t number);

/* Opens a file below /dev, for example "vfio/25" or "iommu", with O_PATH, if it is the character device with this number. So the
 * device itself is not opened. The caller closes the descriptor. Returns it; -ESTALE if /dev has another file or none under this
 * name; or another negative errno. */
int vfio_node_open_path(const Kernel *kernel, const char *name, dev_t number);

/* Opens the device itself, for reading and writing, through such a descriptor. Returns the new descriptor or a negative errno. */
int vfio_node_reopen(int path_fd);

/* Opens /dev/vfio/N. The caller closes the descriptor: until then, nobody else can take the group. Returns the descriptor;
 * -EBUSY if a process holds the group; -ENOENT if the kernel has no such node; -ESTALE if the kernel has it, but /dev has
 * another file or none under this name; or another negative errno. Does not open another file. */
int vfio_node_lock(const Kernel *kernel, int group);

/* Tells whether the kernel makes such nodes (CONFIG_VFIO_GROUP). Otherwise virtual machines use cdevs only. */
bool vfio_has_group_nodes(const Kernel *kernel);

/* Waits until the node exists and is the right one. For workers. Returns 0; -ETIMEDOUT; -ESTALE if /dev had another file under
 * this name until the end; -ENODEV if the kernel has no such node; -ENOENT if there is no directory /dev/vfio; or another
 * negative errno. */
int vfio_node_wait(const Kernel *kernel, int group, unsigned timeout_ms);

/* The same for a cdev. */
int vfio_cdev_wait(const Kernel *kernel, const VfioCdev *cdev, unsigned timeout_ms);
