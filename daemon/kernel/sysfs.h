/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <stdint.h>

/* Reading and writing attributes of sysfs. directory_fd is an open directory. Names are relative to it, for example
 * "power/control". A symbolic link as the last component is not followed. An open directory stays bound to its
 * device: after the device is gone, these functions fail with -ENODEV or -ENOENT, even if another device is in the
 * slot.
 *
 * Some attributes take the device lock in the kernel: "uevent" and "driver_override". While an unbind of the device
 * is stuck, reading them blocks for ever (measured on kernel 6.1; in the source: driver_override_show() in
 * drivers/pci/pci-sysfs.c). Others wake up the device, see pci-link.h. Only child processes may use them;
 * tests/style has the list. */

/* Buffer size for any attribute: sysfs returns at most one page. */
#define SYSFS_TEXT_MAX 4096

/* Formats a path relative to a directory into a buffer of the enclosing block. The names in it come from the kernel:
 * each has at most NAME_MAX bytes, so the path fits. */
#define SYSFS_PATH_MAX 512
#define SYSFS_PATH(...) sysfs_format_path((char[SYSFS_PATH_MAX]){}, __VA_ARGS__)
const char *sysfs_format_path(char buffer[static SYSFS_PATH_MAX], const char *format, ...) _printf_(2, 3);

/* Reads an attribute into buffer, which has size bytes, and removes a final line break. Returns the length of the
 * text; -ENAMETOOLONG if it does not fit, and then buffer holds its beginning; or another negative errno, for
 * example -ENOENT if there is no such attribute. */
int sysfs_read_text(int directory_fd, const char *name, char *buffer, size_t size);

/* Reads a decimal number, or a hexadecimal number with "0x". Returns 0; -EINVAL if the text is not a number; -ERANGE
 * if the number is not between minimum and maximum; or another negative errno as sysfs_read_text() returns it. */
int sysfs_read_number(int directory_fd, const char *name, long minimum, long maximum, long *ret);

/* Reads the target of a symbolic link into buffer, which has size bytes. Returns 0; -ENOENT if there is no link;
 * -ENAMETOOLONG if the target does not fit; or another negative errno. */
int sysfs_read_target(int directory_fd, const char *name, char *buffer, size_t size);

/* Like sysfs_read_target(), but reads only the last component of the target. For example, the link "driver" of a
 * device gives the name of the driver. */
int sysfs_read_link(int directory_fd, const char *name, char *buffer, size_t size);

/* Writes a value with one call of write(). This can block for ever in the kernel, so only workers call it. Returns
 * 0; -EIO after a partial write; or the negative errno of the kernel. */
int sysfs_write(int directory_fd, const char *name, const char *value);

/* Opens a directory for sysfs_next(). The caller closes *ret, which stays NULL on errors. Returns 0 or a negative
 * errno, for example -ENOENT if there is no directory. */
int sysfs_open_folder(int directory_fd, const char *name, DIR **ret);

/* Reads the next entry of a directory, except "." and "..". Returns 1 and its name, which is valid until the next
 * call; 0 at the end; or a negative errno. */
int sysfs_next(DIR *folder, const char **ret_name);

/* Calls the callback for each entry of a directory. The callback gets the open directory and the name. A return
 * value other than 0 stops the iteration. Returns that value, 0 at the end, or a negative errno of
 * sysfs_open_folder() or sysfs_next(). */
typedef int (*sysfs_entry_t)(int directory_fd, const char *name, void *userdata);
int sysfs_for_each(int directory_fd, const char *name, sysfs_entry_t callback, void *userdata);

/* The same, and tells the callback whether the entry is a directory. A link to a directory is none. Costs no look-up for each
 * entry. Also returns a negative errno if the type of an entry cannot be found out. */
typedef int (*sysfs_typed_entry_t)(int directory_fd, const char *name, bool is_folder, void *userdata);
int sysfs_for_each_typed(int directory_fd, const char *name, sysfs_typed_entry_t callback, void *userdata);

/* Opens a file of many lines, as in /proc. The caller closes the stream. Returns NULL and sets errno on errors. */
FILE *sysfs_open_lines(int directory_fd, const char *name);

/* Reads the next line, as getline() does. Returns 1; 0 at the end of the file; -ENOMEM; or -EIO. */
int sysfs_next_line(FILE *file, char **line, size_t *size);
