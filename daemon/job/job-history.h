/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include "engine/report.h"
#include "policy/plan.h"

/* The jobs that have ended. The newest remain, so that a caller that did not wait, or that connected later, learns what
 * became of its job. */

#define JOB_HISTORY_MAX 64
#define ENDED_FINDINGS_MAX 16

typedef struct EndedJob {
        uint64_t sequence; /* 1 for the first that ended since vfiod started, and so on */
        unsigned long number;
        PlanVerb verb;
        int group;
        PciAddress *addresses; /* of the devices that it changed */
        size_t n_addresses;
        size_t n_steps, n_begun; /* all steps, and those that it began */
        bool cancelled;
        LogFields caller;              /* see JobDescription */
        uint64_t started_us, ended_us; /* CLOCK_REALTIME */
        int error;                     /* negative errno, or 0 */
        Problem problem;               /* OUTCOME_DONE for success */
        bool is_private; /* The message may name processes and mounts that only the caller and root may see. */
        DriverChange *changes;
        size_t n_changes;
        PciAddress selected; /* see Plan */
        unsigned overrides;
        bool force;
        FindingList findings; /* of a job that failed: the first ENDED_FINDINGS_MAX */
        size_t n_more_findings;
        bool findings_are_private; /* as is_private */
} EndedJob;

typedef struct JobHistory {
        EndedJob *jobs[JOB_HISTORY_MAX]; /* a ring; NULL for none */
        uint64_t n_ended;                /* number of all jobs that ended */
} JobHistory;

/* Takes over an entry from malloc(), in place of the oldest one, and sets its sequence number. Allocates nothing, so that no
 * end of a job is lost. */
void job_history_add(JobHistory *history, EndedJob *entry);

/* Returns the job with this sequence number. NULL if it is not known any more, or has not ended yet. */
const EndedJob *job_history_find(const JobHistory *history, uint64_t sequence);

void job_history_done(JobHistory *history);

/* Frees an entry that is not in a history. Returns NULL. */
EndedJob *ended_job_free(EndedJob *entry);
