/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host.h"
#include "job/job.h"

/* A life of the daemon over a host: its loop, its jobs and the kernel's events, without the bus. Only one at a time. */

typedef struct Daemon {
        Host *host;
        sd_event *event;
        JobTable *jobs;
        sd_event_source *events_source, *turn_end_source;
        int events_fd;
} Daemon;

/* Deadlines that no test reaches. */
extern const JobLimits patient;
/* A deadline for a step that a write which does not come back runs into at once. */
extern const JobLimits impatient;

/* Begins as main() does: reads the records and the devices, and gives back what was left in between. */
Daemon *daemon_start(Host *host, const JobLimits *limits);
/* Ends as on SIGTERM or a crash: its workers live on. */
Daemon *daemon_stop(Daemon *daemon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Daemon, daemon_stop)
DEFINE_TRIVIAL_CLEANUP_FUNC(Daemon *, daemon_stop)

/* What a job answered. */
typedef struct Answer {
        unsigned n; /* of answers: must end as 1 */
        int error;
        Outcome outcome;
        char *message, *changes; /* "ADDRESS BEFORE AFTER, ..." */
} Answer;

void answer_done(Answer *answer);
/* A job_done_t; the Answer is its userdata. */
void answer_take(const WorkerResult *result, void *userdata);
#define _cleanup_answer_ _cleanup_(answer_done)

/* Returns what job_start() does. */
int daemon_begin(Daemon *daemon, PlanVerb verb, const char *selector, Answer *answer, Problem *problem);
/* The same, must start. */
void daemon_must_begin(Daemon *daemon, PlanVerb verb, const char *selector, Answer *answer);

/* Turns the loop until it is so; fails the test after a long while. */
typedef bool (*condition_t)(Daemon *daemon, const void *what);
void daemon_run_until(Daemon *daemon, condition_t condition, const void *what);

/* Turns the loop until the answer is there, or until no device is worked on. */
void daemon_await(Daemon *daemon, const Answer *answer);
void daemon_await_state(Daemon *daemon, const char *address, DeviceState state);
void daemon_await_quiet(Daemon *daemon);

/* Begins, waits for the answer, expects that outcome. */
void daemon_move(Daemon *daemon, PlanVerb verb, const char *selector, Outcome expected);

/* The model, as the events made it, says what a fresh look says. */
void assert_model_is_true(Daemon *daemon);

DeviceState daemon_state(Daemon *daemon, const char *address);

/* The worker process that is at work, 0 for none. */
pid_t find_worker(void);
/* Ends it; what it waits for in the fake kernel is resumed, and it is gone afterwards. */
void kill_worker(Host *host, bool reap);
