/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <jansson.h>

/* A file of vfiod in /run: one line "vfiod-KIND 1 CRC32 BOOT-ID", then JSON. It is written under another name, synced
 * and renamed, so a reader finds all of it or nothing. A file of another boot is not valid: the kernel has bound all
 * devices again. */

#define STATE_FILE_SIZE_MAX (8 * 1024 * 1024)

/* Writes the object as folder/name, and replaces a file of that name. With ret_fd, the new file is locked before others
 * can see it, and ret_fd keeps it open: see state_file_lock(). Returns 0; -E2BIG for more than STATE_FILE_SIZE_MAX; or
 * another negative errno. After a failure the folder is as it was. */
int state_file_write(int folder_fd, const char *name, const char *kind, json_t *object, int *ret_fd);

/* Opens folder/name if it is ours: a regular file of root or our user, with one link, that nobody else may write.
 * Follows no symbolic link and never blocks. A file that is to be locked must be writable. Returns the descriptor;
 * -ENOENT; -EPERM for a file that is not ours; -E2BIG for a file that is too large; or another negative errno. */
int state_file_open(int folder_fd, const char *name, bool writable);

/* Reads a file that state_file_open() opened. Returns 0 and the object, which the caller owns; -EBADMSG for a file that
 * is incomplete or of another kind; -ESTALE for a file of another boot; or another negative errno. Ends the process if
 * jansson finds no memory. */
int state_file_read(int fd, const char *kind, json_t **ret);

/* Removes the file and syncs the folder. Returns 0, also if there was none, or a negative errno. */
int state_file_remove(int folder_fd, const char *name);

/* Returns the reason why a file is ignored, for a negative errno of the functions above, as a static string. */
const char *state_file_describe_error(int error);

/* Locks a file, so that others see that this process works on it. The lock is a POSIX record lock: it ends with the
 * process, a fork does not inherit it, and others can find its owner. The owner must not open the file a second time:
 * the lock ends when any descriptor of the file is closed. Returns 0; -EAGAIN if another process has the lock; or
 * another negative errno. */
int state_file_lock(int fd);

/* Returns the process that has the lock, 0 for none, or a negative errno. */
pid_t state_file_find_owner(int fd);
