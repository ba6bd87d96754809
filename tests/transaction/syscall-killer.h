/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Runs a callback in a separate traced process, and kills this process, a process that it forks, or all of them, at
 * chosen syscalls: before the syscall takes effect and after the previous syscall has taken effect. */

typedef enum Victims {
        KILL_IT, /* the process at the syscall */
        KILL_ALL,
        KILL_OTHERS,
} Victims;

/* Processes are numbered in their order: 0 runs the callback, 1 is the first forked process. */
typedef struct KillPoint {
        unsigned process; /* its syscalls are counted, from the mark or the fork; syscalls for its own memory are
                           * omitted */
        unsigned syscall; /* the syscall at which to kill, from 1; 0 for none */
        Victims victims;
} KillPoint;

/* A syscall that has returned. */
typedef struct SyscallSeen {
        pid_t pid;
        unsigned process, syscall; /* as in a KillPoint */
        guint64 number, arguments[6];
        gint64 result;
} SyscallSeen;

typedef struct SyscallKiller {
        const KillPoint *points; /* one for each process */
        unsigned n_points;
        void (*on_syscall)(const SyscallSeen *seen, void *userdata); /* for the syscalls of each process; or NULL */
        void (*on_others_dead)(void *userdata); /* for KILL_OTHERS: meanwhile the process waits at its syscall */
        void *userdata;
} SyscallKiller;

typedef struct KillerEnd {
        unsigned n_killed;   /* number of points that were reached */
        guint64 number;      /* of the syscall at the last point */
        unsigned n_syscalls; /* number of syscalls of the last point's process */
        int exit_status;     /* of process 0; -1 if it was killed */
} KillerEnd;

/* Returns when all processes have ended. The callback must call syscall_killer_mark(), which starts the counting,
 * and must never return. */
void syscall_killer_run(const SyscallKiller *killer, void (*callback)(void *userdata), void *callback_userdata,
                KillerEnd *ret_end);
void syscall_killer_mark(void);
