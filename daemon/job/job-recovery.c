/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/function-job.h"
#include "job/intent.h"
#include "job/job-internal.h"

/* A worker that was killed may have left anything: its record says what there is to give back. What older ones say is not its doing. */
int job_recover_own(Job *job) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Journal *journal = job->table->journal;

        if (job->verb == PLAN_SET_FUNCTIONS)
                return function_job_recover_own(job);
        /* Also the devices: one may have gone. */
        int r = job_look_again(job);
        if (r < 0)
                return r;
        const Record *record = journal_record_of(journal, job->plan->members[0].address);
        r = record && record->number == job->record->number
                        ? intent_undo_plan(job->table->inventory, record, job->plan, &plan)
                        : -ENOENT;
        if (r < 0)
                return r;

        for (size_t i = 0; i < job->plan->n_members; i++)
                job->was_recorded = job->was_recorded || job->plan->members[i].recorded;
        /* What is gone is not worked on any more. */
        job_set_activity(job, DEVICE_QUIET);
        job->asked = job->plan;
        job->plan = TAKE_PTR(plan);
        job->worker = worker_free(job->worker);
        job->recovering = true;
        job->step = 0;
        return job_start_worker(job);
}

int job_conclude_recovery(const Job *job, WorkerResult *result, bool given_back) {
        if (job->verb == PLAN_SET_FUNCTIONS)
                return function_job_conclude_recovery(job, result, given_back);
        if (!given_back) {
                /* What the second worker undid is no comfort to the caller: what the first one did is still there. */
                if (result->problem.message)
                        log_warning("Job %lu: what its worker left is not given back: %s", job->number,
                                        result->problem.message);
                result->error = 0;
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for group %d died, and what it left could not be given back. Look "
                                "with 'vfioctl show group:%d', then reattach it.",
                                job->plan->group, job->plan->group);
        }
        if (job->verb == PLAN_REATTACH)
                return 0;
        if (job->was_recorded)
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for group %d died. Its devices were given back to the host, also "
                                "those that had been detached before.",
                                job->plan->group);
        return problem_set(&result->problem, OUTCOME_ROLLED_BACK,
                        "The worker process for group %d died. Everything is as it was before.", job->plan->group);
}

/* The changes that the plan stands for; for when no worker is left to tell. */
static int list_planned_changes(const Job *job, TransactionReport *report) {
        const Plan *plan = job->plan;

        transaction_report_done(report);
        report->changes = calloc(plan->n_members + 1, sizeof(TransactionChange));
        if (!report->changes)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++) {
                const RecordMember *entry = journal_find(job->table->journal, plan->members[i].address);
                const DeviceOrigin *origin = entry ? entry->origin : plan->members[i].origin;
                TransactionChange *change = &report->changes[report->n_changes++];
                char *home = change->driver_before, *away = change->driver_after;

                if (job->verb == PLAN_REATTACH)
                        home = change->driver_after, away = change->driver_before;
                change->address = plan->members[i].address;
                (void)snprintf(home, DRIVER_NAME_MAX, "%s", strempty(origin->driver));
                (void)snprintf(away, DRIVER_NAME_MAX, "%s", PLAN_VFIO_DRIVER);
        }
        return 0;
}

int job_conclude(const Job *job, WorkerResult *result) {
        size_t n = job->plan->n_members, n_older = 0, n_own = 0, n_own_detached = 0;

        if (job->verb == PLAN_SET_FUNCTIONS)
                return function_job_conclude(job, result);
        bool detach = job->verb == PLAN_DETACH;
        for (size_t i = 0; i < n; i++) {
                PciAddress address = job->plan->members[i].address;
                const Record *record = journal_record_of(job->table->journal, address);
                bool own = record && record->number == job->record->number;

                n_older += record && !own;
                n_own += own;
                n_own_detached += own && record_find(record, address)->phase == RECORD_DETACHED;
        }
        if (detach ? n_own_detached == n : n_own + n_older == 0)
                return list_planned_changes(job, &result->report);
        /* Of a reattach also one that has undone all. */
        if (n_own == 0 || (!detach && n_own_detached == n))
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for group %d died before it changed anything: try again.",
                                job->plan->group);
        return problem_set(&result->problem, OUTCOME_FAILED,
                        "The worker process for group %d died, and its devices are gone from their slots: look again "
                        "with 'vfioctl devices'.",
                        job->plan->group);
}

static int recover_record(JobTable *table, size_t i) {
        const Record *record = table->journal->records[i];
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};

        int r = intent_undo_plan(table->inventory, record, NULL, &plan);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = job_start(table, TAKE_PTR(plan), "recovery", NULL, NULL, &problem);
        if (r > 0)
                log_warning("Group %d was left in between and is not given back: %s", record->group, problem.message);
        return r < 0 ? r : 0;
}

int job_recover(JobTable *table) {
        const Journal *journal = table->journal;

        int r = function_job_settle(table->journal, table->inventory);
        if (r >= 0)
                r = journal_apply(journal, table->inventory);
        /* First what other devices may vanish by. */
        for (size_t i = 0; i < journal->n_records && r >= 0; i++)
                if (!journal->locked[i] && journal->records[i]->functions)
                        r = function_job_recover(table, i);
        for (size_t i = 0; i < journal->n_records && r >= 0; i++)
                if (!journal->locked[i] && !journal->records[i]->functions)
                        r = recover_record(table, i);
        return r;
}
