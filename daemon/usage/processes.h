/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "usage/limits.h"

#include <stdint.h>
#include <sys/types.h>

/* The processes of the host, in the order in which a survey examines them: first those of root, then those of other
 * users, and last those of other user namespaces (rootless containers). A process of root that has the mounts of
 * process 1 counts as one of the host. Users with the fewest open descriptors come first: a user with a million open
 * files delays only the survey of his own processes.
 *
 * The real user id decides. The effective user id and the capabilities do not: any user can start a setuid program,
 * such as su, which inherits all descriptors of the user. */

typedef enum ProcessRank {
        PROCESS_OF_ROOT, /* or of an unknown user */
        PROCESS_OF_USER,
        PROCESS_OF_OTHER_NAMESPACE, /* with any user id in that namespace; a process of root with the mounts of process 1 is PROCESS_OF_ROOT */
} ProcessRank;

typedef struct Process {
        pid_t pid;
        uid_t uid; /* the real user id, as the host sees it */
        ProcessRank rank;
        bool is_cut;              /* its descriptors were not all read: set by the walk of holders.h */
        uint64_t mount_namespace; /* its number; 0 if it is not known */
        uint64_t n_descriptors;   /* approximately; 0 for PROCESS_OF_ROOT */
        uint64_t n_of_user;       /* the sum over all processes of this user and rank */
} Process;

typedef struct ProcessTable {
        Process *processes;
        size_t n_processes;
        bool is_cut;               /* there are more processes than the limit */
        bool has_hidden_namespace; /* vfiod may not read the mount namespace of a running process */
} ProcessTable;

/* Reads /proc. A process that ends at the same time may be in the table or not. The caller empties the table with
 * process_table_done(), also after an error. Returns 0; -ETIME after the end that the limits set; or another negative
 * errno. */
int process_table_read(const Kernel *kernel, const UsageLimits *limits, ProcessTable *ret);
void process_table_done(ProcessTable *table);

/* Tells whether an errno says that vfiod lacks the permission, and not that the process has ended. */
bool process_error_is_refusal(int error);

/* Tells whether the process has ended: then, too, the kernel refuses to read its descriptors. */
bool process_has_ended(const Kernel *kernel, pid_t pid);

/* Reads the group and the supplementary groups of a process. Returns their number; -EOVERFLOW if they are more than
 * max or more than can be read; or another negative errno. */
int process_read_groups(const Kernel *kernel, pid_t pid, gid_t *groups, size_t max);

/* Buffer size for a command name. The kernel has at most 15 characters for a program. */
#define PROCESS_COMMAND_MAX 64

/* Reads the command name of a process (/proc/PID/comm) into buffer, or "" if it cannot be read, and returns buffer.
 * A process can choose any bytes as its name: escape it (base/text.h) before you show it. Does not block. For
 * messages only: the process may have ended, and another process may have its id. */
const char *process_read_command(const Kernel *kernel, pid_t pid, char buffer[static PROCESS_COMMAND_MAX]);

/* Reads the unit of systemd that the process belongs to, and its login session: that of its cgroup, or the number that the
 * kernel keeps for it, which also a service of the user has. Writes "" for none. For messages only, as above. */
#define PROCESS_UNIT_MAX 256
#define PROCESS_SESSION_MAX 64
void process_read_place(const Kernel *kernel, pid_t pid, char unit[static PROCESS_UNIT_MAX],
                char session[static PROCESS_SESSION_MAX]);
