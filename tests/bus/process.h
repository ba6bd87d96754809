/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>
#include <sys/types.h>

/* A program under test. It dies with the test. Every wait has a deadline, at which the test fails. */

#define DEADLINE_MS 20000

typedef struct Process Process;

typedef struct ProcessOptions {
        const char *const *environment; /* "NAME=value", added to ours; NULL for none */
        bool private_mounts;            /* in a mount namespace of its own */
        /* Called in the child before it becomes the program; ends the child if it cannot do its work. */
        void (*setup)(void *userdata);
        void *userdata;
} ProcessOptions;

/* Starts argv[0] with its stdout in a pipe. */
Process *process_start(const char *const *argv, const ProcessOptions *options);
pid_t process_get_pid(Process *process);

/* The next line of stdout without its end; NULL at the end of the stream. */
char *process_read_line(Process *process);
/* The test fails unless this is the next line. */
void process_expect_line(Process *process, const char *expected);

/* Waits for the end. Returns the exit status, or 128 and the signal. Frees. */
int process_finish(Process *process);
/* SIGTERM, and exit status 0. Returns NULL; takes NULL. */
Process *process_stop(Process *process);

/* What a program that ends by itself said. */
typedef struct ProgramResult {
        int status;
        char *output, *errors;
} ProgramResult;

/* standard_output: where stdout goes instead of into `output`, or NULL. */
ProgramResult program_run(const char *const *argv, const ProcessOptions *options, const char *standard_output);
void program_result_clear(ProgramResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProgramResult, program_result_clear)
