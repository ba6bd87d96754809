/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon.h"
#include "syscall-killer.h"

/* A host on which the daemon is killed: a two-port card with settings of the administrator, and the states that are
 * allowed afterwards. */

typedef enum Place {
        ATTACHED,
        DETACHED,
        INTERRUPTED, /* the state after a daemon and its worker were killed */
} Place;

typedef struct Stage {
        Host *host;
        const char *driver;           /* of both ports */
        char *attached, *detached;    /* snapshots */
        GArray *writes[PLAN_SET_VFS]; /* for each worker: the positions of its writes to the kernel among its
                                       * syscalls */
        GHashTable *stable;           /* complete states that a start does not change -> Place */
} Stage;

/* The numbers of the processes. */
enum {
        DAEMON,
        WORKER,
        SECOND_WORKER, /* recovers what the first worker left when it died */
};

/* The daemon gets no request and is only started. */
#define NOTHING _PLAN_VERB_INVALID

/* Sets up the host. All devices are attached. The topology is "ports", or "disks": for these, detach and reattach look for
 * processes that have a node of the device open. */
void stage_begin(Stage *stage, const char *topology);
void stage_end(Stage *stage);

/* Runs a daemon in a separate process, which ends when no job is left: it detaches, reattaches, or only starts.
 * Syscalls are counted from the request, or from the start. The exit status is the outcome. */
void stage_run_daemon(Stage *stage, PlanVerb verb, const SyscallKiller *killer, KillerEnd *ret_end);

/* The number of the worker's syscall after this number of its writes to the kernel; if there are fewer writes, after
 * the last. */
unsigned stage_syscall_after(const Stage *stage, PlanVerb verb, unsigned n_writes);

/* Brings the devices to this place. INTERRUPTED: as if all processes were killed after this number of the worker's
 * writes. */
void stage_prepare(Stage *stage, Place place, PlanVerb verb, unsigned n_writes);

/* The state of the kernel and of the state folder, to compare; the caller frees it. */
char *stage_state(Stage *stage);

/* The expectations for an end. */
typedef struct Check {
        const char *what; /* for messages */
        bool answered;    /* the daemon was not killed and has answered */
        PlanVerb verb;    /* the request */
        Outcome outcome;  /* the answer */
        bool again;       /* check everything again, even if the state is known to be stable */
} Check;

/* Starts more daemons. After the next daemon, all devices must be attached or all detached, with the right state
 * files; the daemon after that must change nothing; the answer of the first daemon must be true already. Then all
 * devices are reattached. Returns where the devices were. */
Place stage_recover(Stage *stage, const Check *check);
