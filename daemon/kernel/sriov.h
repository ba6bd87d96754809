/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* Virtual functions, by the folder of their physical one. sriov_numvfs is never read: up to Linux 6.8 that waits for the device's lock. The links to the
 * functions say the same. */

/* The addresses of the virtual functions that there are, in the kernel's order, to be freed. Does not block. Returns 0 or a negative errno. */
int sriov_list_functions(int physical_fd, PciAddress **ret, size_t *ret_n);

/* Whether new functions get a driver of the host by themselves. Does not block. Returns 0; -ENOENT where the kernel has no such switch; another
 * negative errno. */
int sriov_read_autoprobe(int physical_fd, bool *ret);
int sriov_write_autoprobe(int physical_fd, bool autoprobe);

/* Makes so many, or with 0 removes all: for that the kernel waits until nobody holds one of them. For workers. Returns 0; -ENOENT where the physical
 * function has no driver, or one that cannot make them; -EBUSY where there are others already; another negative errno of the driver. */
int sriov_write_count(int physical_fd, unsigned count);
