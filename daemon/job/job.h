/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/quota.h"
#include "job/worker.h"
#include "state/state.h"

/* Changes that are under way. A job owns its plan, runs it in a worker, and keeps the inventory up to date: its devices are
 * "changing" while it works, and "stuck" when the kernel does not come back. */

typedef struct JobTable JobTable;

/* Called once: when the job is done, or at its deadline, with OUTCOME_STUCK; then the job goes on by itself. The result is valid
 * for the time of the call. */
typedef void (*job_done_t)(const WorkerResult *result, void *userdata);

/* The limits of jobs; tests shorten them. */
typedef struct JobLimits {
        uint64_t step_deadline_us;  /* for one step; after it the job is stuck */
        uint64_t held_deadline_us;  /* for a step that waits for a process */
        uint64_t names_deadline_us; /* for the host's names to come back after a reattach */
        size_t jobs_max;
        QuotaLimits plans; /* Surveys: anybody may ask for one, so they must not keep jobs from starting. */
} JobLimits;

extern const JobLimits job_limits_default;

/* The table borrows event, kernel, inventory and state, which outlive it. Returns 0 or a negative errno. */
int job_table_new(sd_event *event, const Kernel *kernel, Inventory *inventory, State *state, const JobLimits *limits,
                JobTable **ret);

/* Leaves running workers to themselves; whoever waits for one is told so. */
JobTable *job_table_free(JobTable *table);
DEFINE_TRIVIAL_CLEANUP_FUNC(JobTable *, job_table_free)

/* Starts a job and takes the plan over, also on failure. A plan that only surveys changes nothing: its devices keep their state,
 * and other jobs go on beside it. The caller's name is for the log. Returns 0; BUSY or LIMITS_EXCEEDED; or a negative errno. */
int job_start(JobTable *table, Plan *plan, const char *caller, job_done_t done, void *userdata, Problem *problem);

/* Whether the user may have one more survey. job_start() checks the same; this is for callers that would do much work before. Returns 0 or LIMITS_EXCEEDED; or -ENOMEM. */
int job_check_plan_quota(const JobTable *table, uid_t asker, Problem *problem);

/* Takes over the transactions that an earlier daemon or a dead worker left. If the worker of a transaction still runs, its devices are "changing",
 * or after the deadline "stuck", until it ends. Otherwise a job ends the transaction: a detach is reverted, a reattach is finished. Returns 0 or a
 * negative errno. */
int job_recover(JobTable *table);

/* How others see jobs. */

typedef struct Job Job;

typedef enum JobState {
        JOB_RUNNING,
        JOB_CANCELLING, /* It was asked to undo what it did. */
        JOB_RECOVERING, /* It ends what a dead worker left. */
        JOB_STUCK,      /* The kernel does not come back. */
        JOB_FINISHING,  /* All is done but the host's names, which are awaited. */
        _JOB_STATE_MAX,
} JobState;

const char *job_state_to_string(JobState state);

typedef struct JobDescription {
        unsigned long number;
        JobState state;
        const Plan *plan;
        size_t step;    /* index of the step that it is at */
        bool cancelled; /* Somebody cancelled it: it undoes what it did, at once or when the kernel returns. */
        const char *caller;
        const char *holder;  /* process that the step waits for, "" for none */
        uint64_t started_us; /* CLOCK_REALTIME */
} JobDescription;

/* The description is valid until the next turn of the loop. */
void job_describe(const Job *job, JobDescription *ret);

/* NULL for none. */
Job *job_find(const JobTable *table, unsigned long number);
Job *job_next(const JobTable *table, const Job *previous);

/* Asks the job to undo what it did when its current step is over; the job's caller then gets CANCELLED. A job that is stuck in the kernel
 * does so when the kernel returns. Returns 0, also for a job that was cancelled before; BUSY with a problem when it is too late; or a
 * negative errno. */
int job_cancel(Job *job, Problem *problem);

/* Says in one sentence or two what a job that was cancelled will do, and when. The text is the caller's to free. Returns 0 or -ENOMEM. */
int job_describe_cancel(const Job *job, char **ret);

typedef enum JobEvent {
        JOB_ADDED,
        JOB_CHANGED,
        JOB_REMOVED
} JobEvent;

/* Called for each job that is added, changes or is removed. */
typedef void (*job_watch_t)(const Job *job, JobEvent event, void *userdata);
void job_table_watch(JobTable *table, job_watch_t watch, void *userdata);

/* To be called when the inventory has changed: jobs wait for the host's names. */
void job_table_check_names(JobTable *table);
