/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon.h"
#include "syscall-killer.h"

/* A host on which lives of the daemon are cut off: a card with two ports that the administrator has set up, and the states that they may end in. */

typedef enum Place {
        AT_HOME,
        AWAY,
        IN_BETWEEN, /* as a daemon and its worker left it that were killed */
} Place;

typedef struct Stage {
        Host *host;
        char *at_home, *away;         /* snapshots */
        GArray *writes[PLAN_SET_VFS]; /* of a worker, to the kernel: which of its syscalls they are */
        GHashTable *settled;          /* whole states that a start leaves as they are -> Place */
} Stage;

/* Who is who among the processes of a life. */
enum {
        DAEMON,
        WORKER,
        SECOND_WORKER, /* gives back what the first one left when it died */
};

/* For a life in which the daemon is asked for nothing, only started. */
#define NOTHING _PLAN_VERB_INVALID

/* All is at home. */
void stage_begin(Stage *stage);
void stage_end(Stage *stage);

/* A life of the daemon in a process of its own, which ends when all is quiet: detaches, reattaches, or only starts. Syscalls count from the
 * request on, or from the start. The exit status is the outcome. */
void stage_live(Stage *stage, PlanVerb verb, const SyscallKiller *killer, KillerEnd *ret_end);

/* The worker's syscall after so many of its writes to the kernel; more than there are: after the last. */
unsigned stage_syscall_after(const Stage *stage, PlanVerb verb, unsigned n_writes);

/* Ends with the devices there. IN_BETWEEN: as all that were at this work were killed after so many of its writes. */
void stage_prepare(Stage *stage, Place place, PlanVerb verb, unsigned n_writes);

/* Kernel and records, to be compared; to be freed. */
char *stage_state(Stage *stage);

/* What an end is checked for. */
typedef struct Check {
        const char *what; /* for messages */
        bool answered;    /* the daemon lived and answered */
        PlanVerb verb;    /* what it was asked for */
        Outcome outcome;  /* what it answered */
        bool anew;        /* look at all again, also at a state that was settled before */
} Check;

/* Lets further lives follow. The next one must end at home or away, whole, with a record that is right; the one after it must change nothing; what
 * the daemon answered must be so already. Then all is at home again. Returns where it ended. */
Place stage_settle(Stage *stage, const Check *check);
