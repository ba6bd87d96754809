/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <sys/types.h>

/* A program under test. It is killed when the test ends. Every wait has a deadline; the test fails when it is over. */

#define DEADLINE_MS 60000

typedef struct Process Process;

typedef struct ProcessOptions {
        const char *const *environment; /* "NAME=value", in addition to the test's environment; NULL for none */
        bool private_mounts;            /* run in its own mount namespace */
        /* Called in the child before it starts the program; ends the child on failure. */
        void (*setup)(void *userdata);
        void *userdata;
} ProcessOptions;

/* Starts argv[0] with its stdout in a pipe. */
Process *process_start(const char *const *argv, const ProcessOptions *options);
pid_t process_get_pid(Process *process);
/* The only living process of this name that it has started, directly or not; 0 for none. */
pid_t process_find_below(Process *process, const char *name);

/* The next line of stdout without its line end; NULL at the end of the stream. */
char *process_read_line(Process *process);
/* The test fails unless this is the next line. */
void process_expect_line(Process *process, const char *expected);

/* Waits so long whether it ends, which closes its stdout, or prints something. Returns whether it does. */
bool process_ends_within(Process *process, unsigned ms);

/* Waits until it ends. Returns the exit status, or 128 plus the signal. Frees the process. */
int process_finish(Process *process);
/* Sends SIGTERM; the exit status must be 0. Accepts NULL and returns NULL. */
Process *process_stop(Process *process);

/* The output of a program that ends by itself. */
typedef struct ProgramResult {
        int status;
        char *output, *errors;
} ProgramResult;

/* standard_output: a path for stdout instead of `output`, or NULL. */
ProgramResult program_run(const char *const *argv, const ProcessOptions *options, const char *standard_output);
void program_result_clear(ProgramResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProgramResult, program_result_clear)
