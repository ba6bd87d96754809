/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "usage/limits.h"

#include <stdint.h>
#include <sys/types.h>

/* The processes of the host, in the order in which a survey examines them: root's first, then those of the users that have the fewest descriptors
 * open, and last those of other user namespaces (rootless containers). A user who has a million files open thus delays only himself.
 *
 * The real user id decides. The effective one and the capabilities do not: any user can start a setuid program, such as su, with all the
 * descriptors that he has opened. */

typedef enum ProcessRank {
        PROCESS_OF_ROOT, /* or of a user that cannot be told */
        PROCESS_OF_USER,
        PROCESS_OF_OTHER_NAMESPACE, /* whatever its user id in there */
} ProcessRank;

typedef struct Process {
        pid_t pid;
        uid_t uid; /* the real one, as the host sees it */
        ProcessRank rank;
        bool is_cut;              /* its descriptors were not all read: set by the walk of holders.h */
        uint64_t mount_namespace; /* its number; 0 where it cannot be told */
        uint64_t n_descriptors;   /* about */
        uint64_t n_of_user;       /* the sum of all processes of this user and rank */
} Process;

typedef struct ProcessTable {
        Process *processes;
        size_t n_processes, n_allocated;
        bool is_cut;               /* there are more than the limit */
        bool has_hidden_namespace; /* the mount namespace of a process that runs could not be told */
} ProcessTable;

/* Reads /proc. A process that ends meanwhile may be in the table or not. Returns 0 or a negative errno; the caller empties the table with
 * process_table_done(), also after an error. */
int process_table_read(const Kernel *kernel, const UsageLimits *limits, ProcessTable *ret);
void process_table_done(ProcessTable *table);

/* An error that says that the caller lacks the permission, not that the process has ended. */
bool process_error_is_refusal(int error);

/* Whether the process has ended: the kernel also refuses what is asked of such a process. */
bool process_has_ended(int proc_fd, pid_t pid);

/* The supplementary groups and the group of a process. Returns how many were written to groups, at most max; or a negative errno. */
int process_read_groups(const Kernel *kernel, pid_t pid, gid_t *groups, size_t max);
