/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* SR-IOV: the virtual functions (VFs) of a physical function (PF). physical_fd is the open sysfs directory of the
 * PF. sriov_numvfs is never read, because reading it takes the device lock up to about Linux 6.8 and can then block.
 * The links "virtfnN" have the same information. */

/* Lists the addresses of the existing VFs in the order of the kernel. The caller frees *ret, which is NULL if there
 * are none. Does not block. Returns 0, -ENOMEM or another negative errno. */
int sriov_list_functions(int physical_fd, PciAddress **ret, size_t *ret_n);

/* Reads or writes sriov_drivers_autoprobe: whether the kernel probes drivers for new VFs. Reading does not block.
 * Only workers call the write function. Returns 0; -ENOENT if the kernel has no such attribute; or another negative
 * errno. */
int sriov_read_autoprobe(int physical_fd, bool *ret);
int sriov_write_autoprobe(int physical_fd, bool autoprobe);

/* Writes sriov_numvfs: creates this number of VFs, or removes all VFs if count is 0. While a process holds a VF,
 * removing blocks in the kernel, so only workers call this. Returns 0; -ENOENT if the PF has no driver, or if its
 * driver does not support SR-IOV; -EBUSY if VFs exist and count is not 0; or another negative errno of the driver
 * (sriov_numvfs_store() in drivers/pci/iov.c). */
int sriov_write_count(int physical_fd, unsigned count);
