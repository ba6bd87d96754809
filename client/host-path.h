/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Names that only this process can resolve: vfiod has its own /dev, and sees no links of udev. */

/* Resolves a device node, a link below /dev, or a path in sysfs to the directory of the device in sysfs:
 * "/dev/disk/by-id/nvme-X" becomes "/sys/devices/pci0000:00/0000:00:03.0/0000:04:00.0/nvme/nvme0/nvme0n1". root is ""
 * for this host; tests have their own. The caller frees *ret, which is a copy of the selector if it is no such path, or
 * if there is no such file. Returns 0 or -ENOMEM. */
int host_path_resolve(const char *root, const char *selector, char **ret);

/* Finds the name of the network interface that has this name or alternative name, and writes it into name. Returns
 * whether there is one. vfiod may not ask the kernel for that. */
#define HOST_INTERFACE_MAX 16
bool host_interface_find(const char *alternative, char name[static HOST_INTERFACE_MAX]);
