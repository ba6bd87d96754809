/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <sys/types.h>

/* The VFIO character device of a PCI function, /dev/vfio/devices/vfio3. A program that uses iommufd opens it instead of the
 * group's node.
 *
 * Kernels from 6.6 with CONFIG_VFIO_DEVICE_CDEV make one for each device on a vfio driver. The device's folder in sysfs then
 * has the folder vfio-dev/vfio3, and in it the file "dev" with the numbers. Kernels without that option have the folder
 * since 6.1, but not the file.
 *
 * Measured on 6.12 with iommufd: a process that has only opened the cdev, without a bind to an iommufd, stops an unbind of
 * the device until it closes it. The group's node can still be opened then. After a bind the group's node gives EBUSY.
 * Any number of processes can open one cdev, so an open that succeeds says nothing about others.
 *
 * From the kernel's source: an unbind removes the node and its folder in sysfs before it waits for the processes that have the node open.
 * So whom an unbind will wait for must be looked up before it is begun. */

/* Room for "vfio2147483647" and its end. */
#define VFIO_CDEV_NAME_MAX 16

typedef struct VfioCdev {
        char name[VFIO_CDEV_NAME_MAX]; /* "vfio3" */
        dev_t number;
} VfioCdev;

/* Reads which cdev belongs to the PCI function whose folder in sysfs is device_fd. Returns 1 and fills ret; 0 where there is
 * none; -ENOTUNIQ for more than one; -EINVAL for a name or numbers that cannot be understood; another negative errno. Reads
 * nothing that waits for the device's lock. */
int vfio_cdev_read(int device_fd, VfioCdev *ret);

/* Room for "/dev/vfio/devices/" and a name. */
#define VFIO_CDEV_TEXT_MAX (18 + VFIO_CDEV_NAME_MAX)

/* "/dev/vfio/devices/vfio3" into buffer, which is returned. */
const char *vfio_cdev_format(const VfioCdev *cdev, char buffer[static VFIO_CDEV_TEXT_MAX]);
#define VFIO_CDEV_TEXT(cdev) vfio_cdev_format(cdev, (char[VFIO_CDEV_TEXT_MAX]){})
