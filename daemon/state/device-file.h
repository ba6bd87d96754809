/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/device.h"

/* devices/ADDRESS: what a reattach restores. Most devices with a file are away: detached, or vanished with a detached
 * device. A PF that is not away has a file while vfiod keeps sriov_drivers_autoprobe off for its VFs. */

typedef struct DeviceFile {
        PciAddress address;
        bool away;
        DeviceOrigin *origin;
} DeviceFile;

void device_file_done(DeviceFile *file);
#define _cleanup_device_file_ _cleanup_(device_file_done)

/* Writes the file. For workers, like the removal. Returns 0; -E2BIG for more names than device_file_read() reads; or
 * another negative errno. */
int device_file_write(int devices_fd, PciAddress address, bool away, const DeviceOrigin *origin);

/* Reads the file. Returns 0; -ENOENT; or an errno like state_file_open() and state_file_read(). The caller calls
 * device_file_done(). */
int device_file_read(int devices_fd, PciAddress address, DeviceFile *ret);

/* Removes the file. Returns 0, also if there is none, or a negative errno. */
int device_file_remove(int devices_fd, PciAddress address);
