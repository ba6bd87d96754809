/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/journal.h"
#include "job/worker.h"

/* Detaches and reattaches that are under way. A job owns its plan, runs it in a worker, and keeps the inventory told: its devices are "changing"
 * while it works and "stuck" when the kernel does not come back. */

typedef struct JobTable JobTable;

/* Told once: when the job is done, or at its deadline, with OUTCOME_STUCK; then the job goes on by itself. What result holds
 * is the callee's for the time of the call. */
typedef void (*job_done_t)(const WorkerResult *result, void *userdata);

/* How a job is limited; tests shorten it. */
typedef struct JobLimits {
        uint64_t step_deadline_us;  /* for one step: then the job is stuck */
        uint64_t names_deadline_us; /* for the host names to come back after a reattach */
        size_t jobs_max;
} JobLimits;

extern const JobLimits job_limits_default;

/* The table works on what belongs to the caller: event, kernel, inventory and journal outlive it. */
int job_table_new(sd_event *event, const Kernel *kernel, Inventory *inventory, Journal *journal,
                const JobLimits *limits, JobTable **ret);

/* Leaves running workers to themselves; whoever waits for them is told so. */
JobTable *job_table_free(JobTable *table);
DEFINE_TRIVIAL_CLEANUP_FUNC(JobTable *, job_table_free)

/* Starts a job and takes the plan over, also on failure. The caller's name is for the log. Returns 0; BUSY or LIMITS_EXCEEDED; or a negative errno. */
int job_start(JobTable *table, Plan *plan, const char *caller, job_done_t done, void *userdata, Problem *problem);

/* At the start: gives back what a transaction that was cut off left in between. Returns 0 or a negative errno. */
int job_recover(JobTable *table);

/* To be called when the inventory has changed: a reattach waits for its names. */
void job_look_at_names(JobTable *table);
