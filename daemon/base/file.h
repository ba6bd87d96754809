/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Ordinary files, whole: those of sysfs are in kernel/sysfs.h. */

/* Reads the file from where it is to its end, and puts an end to the text, which may have NULs in it; to be freed. Returns 0; -E2BIG for one with more bytes
 * than max; another negative errno. */
int file_read_all(int fd, size_t max, char **ret, size_t *ret_length);

/* Writes all of it, however often that takes. Returns 0 or a negative errno. */
int file_write_all(int fd, const char *text, size_t length);
