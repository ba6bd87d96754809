/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/numbered-file.h"

#include <sys/types.h>

/* leases/NUMBER: a lease. A worker writes the file before it gives the user access, so the access can always be taken away again. It removes
 * the file when the devices have been reattached. */

/* A lease has at most so many devices. */
#define LEASE_DEVICES_MAX 1024

typedef struct LeaseFile {
        unsigned number;   /* not 0 */
        uid_t uid;         /* who has the lease */
        pid_t pid;         /* the process that it is bound to; 0 for none */
        uint64_t since_us; /* CLOCK_REALTIME */
        bool took;         /* The lease detached the group, so the group is reattached when the lease ends. */
        bool kill;        /* When the lease has ended, processes of the user that still have a device open are ended. */
        bool descriptors; /* The user got open descriptors, and no entry in an ACL. */
        PciAddress *addresses; /* the endpoints of the group */
        size_t n_addresses;
} LeaseFile;

void lease_file_done(LeaseFile *file);
#define _cleanup_lease_file_ _cleanup_(lease_file_done)

/* Writes the file. For workers. Returns 0 or a negative errno. numbered_file_remove() removes it. */
int lease_file_write(int leases_fd, const LeaseFile *file);

/* Reads the file. The caller calls lease_file_done(). Returns 0; -ENOENT; or an errno like state_file_open() and
 * state_file_read(). */
int lease_file_read(int leases_fd, unsigned number, LeaseFile *ret);
