/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host.h"
#include "job/job.h"

/* A daemon on a host: its event loop, its jobs and the kernel's events, without the bus. Only one at a time. */

typedef struct Daemon {
        Host *host;
        sd_event *event;
        JobTable *jobs;
        sd_event_source *events_source, *turn_end_source;
        WorkerPort port;
        int events_fd;
} Daemon;

/* Deadlines that no test reaches. */
extern const JobLimits patient;
/* The deadline for a step passes soon if a write does not return. */
extern const JobLimits impatient;

/* Starts like main(): reads the state files and the devices, and recovers interrupted transactions. */
Daemon *daemon_start(Host *host, const JobLimits *limits);
/* Ends as on SIGTERM or after a crash: its workers continue. */
Daemon *daemon_stop(Daemon *daemon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Daemon, daemon_stop)
DEFINE_TRIVIAL_CLEANUP_FUNC(Daemon *, daemon_stop)

/* The answer of a job. */
typedef struct Answer {
        unsigned n; /* number of answers: must be 1 in the end */
        int error;
        Outcome outcome;
        char *message, *changes; /* "ADDRESS BEFORE AFTER, ..." */
} Answer;

void answer_done(Answer *answer);
/* A job_done_t; its userdata is the Answer. */
void answer_take(const WorkerResult *result, void *userdata);
#define _cleanup_answer_ _cleanup_(answer_done)

/* Returns the result of job_start(). */
int daemon_begin(Daemon *daemon, PlanVerb verb, const char *selector, Answer *answer, Problem *problem);
/* The same; it must start. */
void daemon_must_begin(Daemon *daemon, PlanVerb verb, const char *selector, Answer *answer);

/* Runs the event loop until the condition is true; fails the test after a timeout. */
typedef bool (*condition_t)(Daemon *daemon, const void *what);
void daemon_run_until(Daemon *daemon, condition_t condition, const void *what);

/* Runs the event loop until there is an answer, or until no job is running. */
void daemon_await(Daemon *daemon, const Answer *answer);
void daemon_await_state(Daemon *daemon, const char *address, DeviceState state);
void daemon_await_quiet(Daemon *daemon);

/* Starts the job, waits for the answer, and expects this outcome. */
void daemon_move(Daemon *daemon, PlanVerb verb, const char *selector, Outcome expected);

/* Checks that the model, as the events have updated it, equals a new scan. */
void assert_model_is_current(Daemon *daemon);

DeviceState daemon_state(Daemon *daemon, const char *address);

/* The pid of the running worker, 0 for none. */
pid_t find_worker(void);
/* The same, when no other worker runs: the worker of an earlier job may be about to end. */
pid_t find_only_worker(void);
/* Kills the worker. Its waiting write in the fake kernel is resumed, and the process has ended afterwards. */
void kill_worker(Host *host, bool reap);
