/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job-history.h"
#include "job/log-quota.h"
#include "job/quota.h"
#include "job/worker.h"
#include "state/state.h"

/* Running changes. A job owns its plan, runs it in a worker, and keeps the inventory up to date: its devices are
 * "changing" while it works, and "stuck" while a step does not return from the kernel. */

typedef struct JobTable JobTable;

/* Called once: when the job is done; or at the deadline of a step, with OUTCOME_STUCK, then the job goes on by itself; or if
 * the survey does not end, with OUTCOME_SURVEY_TIMED_OUT, then the job changes nothing any more. The result and the plan of the job are valid during the call. */
typedef void (*job_done_t)(const WorkerResult *result, void *userdata);

/* The limits of jobs; tests shorten them. */
typedef struct JobLimits {
        uint64_t step_deadline_us; /* for one step; after it the job is stuck. For all before the first step, too, but then
                                     * the job is given up. It is longer than SURVEY_US of engine/survey.h. */
        uint64_t held_deadline_us;  /* the same for a step that waits for a process */
        uint64_t names_deadline_us; /* how long a job waits for the host names after a reattach */
        QuotaLimits jobs;
        QuotaLimits plans; /* for surveys: every user may ask for one, so they are no jobs */
} JobLimits;

extern const JobLimits job_limits_default;

/* The table borrows event, kernel, inventory, state and port, which outlive it. Returns 0 or a negative errno. */
int job_table_new(sd_event *event, const Kernel *kernel, Inventory *inventory, State *state, const WorkerPort *port,
                const JobLimits *limits, JobTable **ret);

/* Abandons running workers, and tells the callers of their jobs. Returns NULL. */
JobTable *job_table_free(JobTable *table);
DEFINE_TRIVIAL_CLEANUP_FUNC(JobTable *, job_table_free)

/* Returns the quota for journal entries about calls that change nothing. It belongs to the table. */
LogQuota *job_table_log_quota(const JobTable *table);

/* Starts a job and takes the plan over, also on failure. A plan that only surveys changes nothing: its devices keep
 * their state, and other jobs may run at the same time. The name of the caller, and the fields (NULL for none), are for
 * the log; the job copies both. Returns 0; BUSY, SURVEY_TIMED_OUT or LIMITS_EXCEEDED; or a negative errno. */
int job_start(JobTable *table, Plan *plan, const char *caller, const LogFields *fields, job_done_t done, void *userdata,
                Problem *problem);

/* Checks whether a job with this plan, which changes something, would be started. job_start() checks the same. Returns 0; what
 * the gate refuses; BUSY or LIMITS_EXCEEDED; or -ENOMEM. */
int job_check(const JobTable *table, const Plan *plan, Problem *problem);

/* Checks whether the user may have one more survey. job_start() checks the same; this is for callers that do much
 * work before. Returns 0; LIMITS_EXCEEDED; or -ENOMEM. */
int job_check_plan_quota(const JobTable *table, uid_t asker, Problem *problem);

/* Takes over the transactions that an earlier daemon or a dead worker left. If the worker of a transaction still
 * runs, its devices are "changing", or after the deadline "stuck", until it ends. Otherwise a job ends the
 * transaction: a detach is reverted, a reattach is finished. Returns 0 or a negative errno. */
int job_recover(JobTable *table);

/* How others see jobs. */

typedef struct Job Job;

typedef enum JobState {
        JOB_RUNNING,
        JOB_CANCELLING, /* It undoes its changes. */
        JOB_RECOVERING, /* It ends the transaction that a dead worker left. */
        JOB_STUCK,      /* A step does not return from the kernel. */
        JOB_FINISHING,  /* All steps are done. It waits for the host names. */
        _JOB_STATE_MAX,
} JobState;

const char *job_state_to_string(JobState state);

typedef struct JobDescription {
        unsigned long number;
        JobState state;
        const Plan *plan;
        size_t step;             /* index of the step that it is at */
        bool cancelled;          /* It undoes its changes, at once or when the kernel returns. */
        const char *caller;      /* for the log */
        const LogFields *fields; /* about the caller: VFIOD_CALLER_KIND, VFIOD_CALLER_UID and so on, VFIOD_RULE */
        uid_t owner;             /* who started it; 0 for root, rules and recoveries */
        const char *holder;      /* process that the step waits for, "" for none */
        uint64_t started_us;     /* CLOCK_REALTIME */
} JobDescription;

/* The description is valid until the next turn of the loop. */
JobDescription job_describe(const Job *job);

/* NULL for none. */
Job *job_find(const JobTable *table, unsigned long number);

/* Returns the number of the vfio cdev that the device had when its job began, also of a job that an earlier daemon
 * started; 0 if it had none or has no job. The kernel removes a cdev from sysfs before it waits for the processes that
 * have it open. */
dev_t job_table_find_cdev(const JobTable *table, PciAddress address);

Job *job_next(const JobTable *table, const Job *previous);

/* Asks the job to undo its changes after its current step. The caller of the job then gets CANCELLED. A job that is
 * stuck does so when the kernel returns. Returns 0, also for a job that was cancelled before; BUSY if it is too
 * late; or a negative errno. */
int job_cancel(Job *job, Problem *problem);

/* Says in one or two sentences what a cancelled job will do, and when. The caller frees the text. Returns 0 or
 * -ENOMEM. */
int job_describe_cancel(const Job *job, char **ret);

/* Returns the jobs that have ended. The table owns them. */
const JobHistory *job_table_history(const JobTable *table);

typedef enum JobEvent {
        JOB_ADDED,
        JOB_CHANGED,
        JOB_ENDED,   /* It is in the history, with its result, and is not listed any more. */
        JOB_REMOVED, /* It goes without a result: vfiod ends. */
} JobEvent;

/* Called for each job that is added, changes or is removed. */
typedef void (*job_watch_t)(const Job *job, JobEvent event, void *userdata);
void job_table_watch(JobTable *table, job_watch_t watch, void *userdata);

/* Asks before each job, but not before one that only surveys, whether the devices of its plan may be changed. gate returns 0, an
 * outcome, or -ENOMEM. */
typedef int (*job_gate_t)(const Plan *plan, void *userdata, Problem *problem);
void job_table_set_gate(JobTable *table, job_gate_t gate, void *userdata);

/* Ends the jobs whose host names are back. Call it when the inventory has changed. */
void job_table_check_names(JobTable *table);
