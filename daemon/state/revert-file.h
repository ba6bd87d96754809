/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/numbered-file.h"

#include <sys/types.h>

/* reverts/NUMBER: a revert, see revert/revert.h. A worker writes the file before the devices are detached, and removes it when the
 * revert is over. */

/* A revert has at most so many devices. */
#define REVERT_DEVICES_MAX 1024

typedef struct RevertFile {
        unsigned number;       /* not 0 */
        uid_t uid;             /* who asked for it */
        uint64_t at_us;        /* CLOCK_BOOTTIME. The header of the file has the boot. */
        uint64_t detach;       /* the detach that it undoes, see DeviceOrigin; 0 in the files of earlier editions */
        PciAddress *addresses; /* the endpoints of the group */
        size_t n_addresses;
} RevertFile;

void revert_file_done(RevertFile *file);
#define _cleanup_revert_file_ _cleanup_(revert_file_done)

/* Writes the file. For workers. Returns 0 or a negative errno. numbered_file_remove() removes it. */
int revert_file_write(int reverts_fd, const RevertFile *file);

/* Reads the file. The caller calls revert_file_done(). Returns 0; -ENOENT; or an errno like state_file_open() and
 * state_file_read(). */
int revert_file_read(int reverts_fd, unsigned number, RevertFile *ret);
