/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Reading and writing complete regular files. For attributes of sysfs, use kernel/sysfs.h. */

/* Reads from the current offset to the end of the file. Allocates *ret, which the caller frees, and appends a NUL byte.
 * The content may contain NUL bytes, so *ret_length is its length in bytes without the appended NUL. Returns 0; -E2BIG
 * if the content is longer than max bytes; -ENOMEM; or the negative errno of read(). */
int file_read_all(int fd, size_t max, char **ret, size_t *ret_length);

/* Writes length bytes, with several calls of write() if necessary. Returns 0 or the negative errno of write(). */
int file_write_all(int fd, const char *text, size_t length);

/* Creates the directory and its missing parents, readable for everybody. Returns 0, also if it exists; or a negative
 * errno. */
int file_make_folder(const char *path);

/* Locks a folder against other processes that use this function, and waits for them. The lock is on a hidden file that only root can
 * open: everybody can open a readable folder, and lock that. It ends when the descriptor is closed. Returns the descriptor, or a
 * negative errno. */
int file_lock_folder(int folder_fd);

/* Writes a new file, readable for everybody, and syncs it to disk. Replaces a file of this name, but never follows a
 * link. After an error, there is no file. Returns 0 or a negative errno. */
int file_create(int folder_fd, const char *name, const char *text);
