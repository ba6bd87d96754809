/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include "job/job.h"

/* Shared only by the files of this room that implement jobs. */

struct Job {
        Job *next;
        JobTable *table;
        unsigned long number;
        unsigned long transaction; /* number of its file in the state folder; 0 for a survey */
        Plan *plan;
        char *caller;
        LogFields fields; /* who called, and with which options: for the log */
        uid_t owner;      /* who called; 0 for root, rules and recoveries */
        Worker *worker;
        sd_event_source *orphan; /* the end of a worker that an earlier daemon started; NULL for a job of this daemon */
        sd_event_source *timer;
        size_t step;  /* that the worker is at */
        char *holder; /* process that the step waits for; NULL for none */
        bool begun;   /* The worker has surveyed the host and does the steps. */
        bool stuck;
        bool given_up;    /* The survey did not end. The caller has the answer, and the worker will change nothing. */
        bool cancelled;   /* The worker was asked to undo its changes. */
        bool recovering;  /* It ends the transaction that a dead worker left. */
        bool worker_died; /* The dead worker belonged to this job. */
        uint64_t started_us; /* CLOCK_REALTIME */
        WorkerResult result; /* after the end of the worker */
        bool waits_for_names;
        EndedJob *entry; /* for the history: allocated at the start, so that no end is lost; NULL once it is there */
        bool expects_drivers; /* The host binds the job's new VFs by itself. */
        job_done_t done;      /* NULL once it was called */
        void *userdata;
};

struct JobTable {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        State *state;
        const WorkerPort *port;
        LogQuota *log_quota;
        JobLimits limits;
        Job *jobs;
        size_t n_jobs; /* that are visible */
        JobHistory history;
        unsigned long next_job;
        job_watch_t watch; /* NULL for nobody */
        void *watch_userdata;
        job_gate_t gate; /* NULL for none */
        void *gate_userdata;
};

/* Frees the job and removes it from its table. Returns NULL. */
Job *job_free(Job *job);
DEFINE_TRIVIAL_CLEANUP_FUNC(Job *, job_free)

/* Tells whether the job is on the bus: neither a survey nor an orphan. */
bool job_is_visible(const Job *job);

/* Sets the activity of the job's devices in the inventory, except for a survey. A failure is one of memory, and the
 * next scan corrects it. */
void job_set_activity(const Job *job, DeviceActivity activity);

/* Reads the members of the plan into the inventory. Returns 0 or a negative errno. */
int job_scan_members(const JobTable *table, const Plan *plan);

/* Reads the state files and the job's devices again, at its end. Returns 0 or a negative errno, which was logged. */
int job_read_again(const Job *job);

/* Tells whether a job, also a survey or an orphan, has this transaction. */
bool job_table_has_transaction(const JobTable *table, unsigned long transaction);

/* Checks whether a survey may start, as job_check() does for other jobs. Returns 0; SURVEY_TIMED_OUT or LIMITS_EXCEEDED; or
 * -ENOMEM. */
int job_check_survey(const JobTable *table, const Plan *plan, Problem *problem);

/* Calls the watcher of the table. */
void job_announce(const Job *job, JobEvent event);

/* Reads the plan of the transaction that the dead worker of the job left. The result is a plan for a recovery, which
 * the caller frees. The state files must have been read again. Returns 0; -ENOENT if the worker left no transaction;
 * another negative errno. */
int job_read_left_plan(const Job *job, Plan **ret);

/* Fills in the result of a job whose worker died: after its recovery, or where there was nothing to recover. Returns
 * 0, the outcome, or a negative errno. */
int job_conclude_recovery(const Job *job, WorkerResult *result);
int job_conclude(const Job *job, WorkerResult *result);

/* Log the end of a job; that a step does not return from the kernel; and that a survey did not end. */
void job_log_end(const Job *job, const WorkerResult *result);
void job_log_stuck(const Job *job, const Problem *problem);
void job_log_given_up(const Job *job, const Problem *problem);

/* Adds the job to the history of its table. */
void job_enter_history(Job *job);

/* Lists the VFs as the changes of a job that set their number. Returns 0 or -ENOMEM. */
int job_list_vfs(const Job *job, Report *report);

/* Tells whether the host has the names of the job's devices again, or all names of its new VFs. */
bool job_names_are_back(const Job *job);

/* Tells whether the job was a detach that has undone all its changes. */
static inline bool job_was_undone(const Job *job) {
        return job->plan->verb == PLAN_DETACH && job->result.error == 0 &&
                        (job->result.problem.outcome == OUTCOME_ROLLED_BACK ||
                                        job->result.problem.outcome == OUTCOME_CANCELLED);
}
