/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state-json.h"

/* Files whose name is a number, for leases and reverts: FOLDER/NUMBER. See state-file.h for what is in them. */

#define FILE_NUMBER_MAX 999999999U

/* Reads or writes all of the struct but the number. Reports an error with state_json_fail(). */
typedef void (*numbered_file_transfer_t)(StateJson *json, void *file);

/* Writes the struct, which it does not change. Returns 0 or a negative errno. */
int numbered_file_write(
                int folder_fd, unsigned number, const char *kind, numbered_file_transfer_t transfer, const void *file);

/* Reads the file into the struct, which the caller frees, also after an error. Returns 0; -ENOENT; or an errno like state_file_open()
 * and state_file_read(). */
int numbered_file_read(int folder_fd, unsigned number, const char *kind, numbered_file_transfer_t transfer, void *file);

/* Removes the file. Returns 0, also if there is none, or a negative errno. */
int numbered_file_remove(int folder_fd, unsigned number);

/* Parses the name of a file: digits without a leading zero. Returns 0; or -EINVAL for another name. */
int numbered_file_parse_name(const char *name, unsigned *ret);
