/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

#include <sys/types.h>

/* reverts/NUMBER: a revert, see revert/revert.h. A worker writes the file before the devices are detached, and removes it when the
 * revert is over. */

#define REVERT_NUMBER_MAX 999999999U

/* A revert has at most so many devices. */
#define REVERT_DEVICES_MAX 1024

typedef struct RevertFile {
        unsigned number;       /* not 0 */
        uid_t uid;             /* who asked for it */
        uint64_t at_us;        /* CLOCK_BOOTTIME. The header of the file has the boot. */
        PciAddress *addresses; /* the endpoints of the group */
        size_t n_addresses;
} RevertFile;

void revert_file_done(RevertFile *file);
#define _cleanup_revert_file_ _cleanup_(revert_file_done)

/* Write and remove the file. For workers. Return 0 or a negative errno. revert_file_remove() returns 0 also if there is no file. */
int revert_file_write(int reverts_fd, const RevertFile *file);
int revert_file_remove(int reverts_fd, unsigned number);

/* Reads the file. The caller calls revert_file_done(). Returns 0; -ENOENT; or an errno like state_file_open() and
 * state_file_read(). */
int revert_file_read(int reverts_fd, unsigned number, RevertFile *ret);

/* Parses the name of a file: digits without a leading zero. Returns 0; or -EINVAL for another name. */
int revert_file_parse_name(const char *name, unsigned *ret);
