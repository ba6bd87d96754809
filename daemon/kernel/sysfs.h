/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <stdint.h>

/* Attributes of sysfs, below a folder that the caller holds open. Names are relative ("power/control"); the last part is never a
 * link that is followed. A held folder stays with its device: once that is gone, all of these fail with -ENODEV or -ENOENT,
 * whatever sits in the slot by then.
 *
 * Some attributes take the device's lock inside the kernel, and wait for ever while a stuck unbind holds it: "uevent" and
 * "driver_override" (measured). Others wake up the device, see pci-link.h. Only child processes may touch those; tests/style has the list. */

/* Longest value that is read: sysfs gives at most a page. */
#define SYSFS_TEXT_MAX 4096

/* Reads the value without its final line break. Returns its length; -ENAMETOOLONG if it does not fit; another negative errno. */
int sysfs_read_text(int directory_fd, const char *name, char *buffer, size_t size);

/* Reads a number, decimal or with 0x. Returns 0; -EINVAL if it is none, -ERANGE if it is too large, another negative errno. */
int sysfs_read_number(int directory_fd, const char *name, long minimum, long maximum, long *ret);

/* The last part of where a link leads: sysfs_read_link(device, "driver") is the driver's name. Returns 0; -ENOENT without link;
 * -ENAMETOOLONG; another negative errno. */
int sysfs_read_link(int directory_fd, const char *name, char *buffer, size_t size);

/* Writes a value in one write. May not come back: for workers only. Returns 0 or the kernel's negative errno. */
int sysfs_write(int directory_fd, const char *name, const char *value);

/* Calls the function with the name of each entry until it returns other than 0; returns that, 0 at the end, or a negative errno. */
typedef int (*sysfs_entry_t)(int directory_fd, const char *name, void *userdata);
int sysfs_for_each(int directory_fd, const char *folder, sysfs_entry_t function, void *userdata);

/* Opens a list of many lines, as /proc has them, for getline(). Returns NULL and sets errno. */
FILE *sysfs_open_lines(int directory_fd, const char *name);
