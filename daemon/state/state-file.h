/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <jansson.h>

/* A file of vfiod in /run: one line "vfiod-KIND 1 CRC32 BOOT-ID", then JSON. It is written beside its place, synced and
 * renamed, so a reader finds all of it or nothing. What another boot has written is void: its devices were bound anew. */

#define STATE_FILE_SIZE_MAX (8 * 1024 * 1024)

/* Writes the object as folder/name, in place of a file of that name. With ret_fd, the new file is locked before others can see
 * it, and ret_fd keeps it open: see state_file_lock(). Returns 0; -E2BIG for more than STATE_FILE_SIZE_MAX; another negative
 * errno. After a failure the folder is as it was. */
int state_file_write(int folder_fd, const char *name, const char *kind, json_t *object, int *ret_fd);

/* Opens folder/name if it is ours: a regular file of our user that nobody else may write, without other links, of a bounded
 * size. Follows no link and never waits. Returns the descriptor, for reading, or also for writing if it shall be locked;
 * -ENOENT; -EPERM for a file that is not ours; -E2BIG; another negative errno. */
int state_file_open(int folder_fd, const char *name, bool writable);

/* Reads what state_file_open() has opened. Returns 0 and the object; -EBADMSG for a file that is torn or of another kind;
 * -ESTALE for one of another boot; another negative errno. */
int state_file_read(int fd, const char *kind, json_t **ret);

/* Removes the file and syncs the folder. Returns 0, also if there was none, or a negative errno. */
int state_file_remove(int folder_fd, const char *name);

/* Why a file is not read, for messages: text for a negative errno of the above. Static. */
const char *state_file_describe_error(int error);

/* A process that works on a file locks it. The lock is a POSIX record lock: it ends with the process, a fork does not inherit
 * it, and others can find out who holds it. Whoever holds a lock must not open the file a second time: the lock ends when any
 * descriptor of the file is closed. Returns 0, or -EAGAIN if another process has it. */
int state_file_lock(int fd);

/* The process that has the lock, 0 for none; or a negative errno. */
pid_t state_file_find_owner(int fd);
