/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Runs a function in a process of its own, traced, and kills it, or what it forks, or all of them, at chosen syscalls: each before it takes
 * effect, which is after the one before it did. */

typedef enum Victims {
        KILL_IT, /* the process that is at the syscall */
        KILL_ALL,
        KILL_OTHERS,
} Victims;

/* Processes are counted as they come: 0 runs the function, 1 is the first that was forked. */
typedef struct KillPoint {
        unsigned process; /* whose syscalls are counted, from the mark or the fork on; those for its own memory are left out */
        unsigned syscall; /* the one to kill at, from 1; 0 for none */
        Victims victims;
} KillPoint;

/* A syscall that has come back. */
typedef struct SyscallSeen {
        pid_t pid;
        unsigned process, syscall; /* as in a point */
        guint64 number, arguments[6];
        gint64 result;
} SyscallSeen;

typedef struct SyscallKiller {
        const KillPoint *points; /* one a process */
        unsigned n_points;
        void (*on_syscall)(const SyscallSeen *seen, void *userdata); /* of each process; or NULL */
        void (*on_others_dead)(void *userdata); /* for KILL_OTHERS: meanwhile the process waits at its syscall */
        void *userdata;
} SyscallKiller;

typedef struct KillerEnd {
        unsigned n_killed;   /* points that were reached */
        guint64 number;      /* of the syscall at the last of them */
        unsigned n_syscalls; /* of the last point's process */
        int exit_status;     /* of process 0; -1 where it was killed */
} KillerEnd;

/* Returns when all processes have ended. The function begins to be counted where it calls syscall_killer_mark(), which it must, and never
 * returns. */
void syscall_killer_run(const SyscallKiller *killer, void (*function)(void *userdata), void *function_userdata,
                KillerEnd *ret_end);
void syscall_killer_mark(void);
