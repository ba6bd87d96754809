/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <sys/types.h>

/* The VFIO character device (cdev) of a PCI function, /dev/vfio/devices/vfio3. Programs that use iommufd open it instead of
 * the node of the group.
 *
 * Linux 6.6 and later with CONFIG_VFIO_DEVICE_CDEV make a cdev for each device on a vfio driver. The sysfs directory of the
 * device then has the file vfio-dev/vfio3/dev with the numbers. Linux 6.1 and later without this option have the directory,
 * but not the file.
 *
 * Measured on Linux 6.12 with iommufd: a process that has only opened the cdev stops an unbind of the device until it closes
 * the cdev, but vfiod can still open the node of the group. After the process has bound the cdev to an iommufd, opening the
 * node of the group fails with EBUSY. Many processes can open the same cdev, so a successful open says nothing about others.
 *
 * An unbind removes the node and its sysfs directory before it waits for processes (kernel source). So the plan of a
 * transaction has the number: who has the cdev open can then still be found. */

typedef struct VfioCdev {
        unsigned index; /* 3 for "vfio3" */
        dev_t number;
} VfioCdev;

/* Reads the cdev of the PCI function with this sysfs directory. Does not wait for the device lock. Returns 1 and the cdev; 0
 * if there is none; -ENOTUNIQ if there are several; -EINVAL for an invalid name or number; or another negative errno. */
int vfio_cdev_read(int device_fd, VfioCdev *ret);

/* Buffer size for "/dev/vfio/devices/vfio4294967295" and its NUL byte. */
#define VFIO_CDEV_TEXT_MAX 33

/* Formats "/dev/vfio/devices/vfio3" for the index 3 into buffer, and returns buffer. */
const char *vfio_cdev_format(unsigned index, char buffer[static VFIO_CDEV_TEXT_MAX]);

/* Like vfio_cdev_format(), with a buffer of the enclosing block. */
#define VFIO_CDEV_TEXT(index) vfio_cdev_format(index, (char[VFIO_CDEV_TEXT_MAX]){})
