/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job.h"
#include "base/log.h"
#include "job/intent.h"
#include "model/scan.h"

#include <inttypes.h>

#define USEC_PER_SEC UINT64_C(1000000)

const JobLimits job_limits_default = {
                .step_deadline_us = 30 * USEC_PER_SEC,
                .names_deadline_us = 5 * USEC_PER_SEC,
                .jobs_max = 64,
};

typedef struct Job Job;
struct Job {
        Job *next;
        JobTable *table;
        unsigned long number;
        Plan *plan;
        PlanVerb verb; /* that was asked for: a recovery has a plan of its own */
        char *caller;
        Record *record; /* given to the worker */
        Worker *worker;
        sd_event_source *timer;
        size_t step; /* that the worker is at */
        bool stuck;
        bool recovering;     /* gives back what a worker that died left */
        WorkerResult result; /* of a reattach that waits for its names */
        bool waits_for_names;
        job_done_t done; /* NULL once it was called */
        void *userdata;
};

struct JobTable {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        Journal *journal;
        JobLimits limits;
        Job *jobs;
        size_t n_jobs;
        unsigned long next_job;
};

static void result_done(WorkerResult *result) {
        problem_done(&result->problem);
        free(result->changes);
        *result = (WorkerResult){};
}

static void answer(Job *job, const WorkerResult *result) {
        job_done_t done = TAKE_PTR(job->done);
        if (done)
                done(result, job->userdata);
}

static void job_free(Job *job) {
        if (!job)
                return;
        for (Job **link = &job->table->jobs; *link; link = &(*link)->next)
                if (*link == job) {
                        *link = job->next;
                        job->table->n_jobs--;
                        break;
                }
        worker_free(job->worker);
        sd_event_source_disable_unref(job->timer);
        record_free(job->record);
        plan_free(job->plan);
        result_done(&job->result);
        free(job->caller);
        free(job);
}

static void job_freep(Job **job) {
        job_free(*job);
}

int job_table_new(sd_event *event, const Kernel *kernel, Inventory *inventory, Journal *journal,
                const JobLimits *limits, JobTable **ret) {
        JobTable *table = malloc(sizeof(JobTable));
        if (!table)
                return -ENOMEM;
        *table = (JobTable){
                        .event = sd_event_ref(event),
                        .kernel = kernel,
                        .inventory = inventory,
                        .journal = journal,
                        .limits = *limits,
                        .next_job = 1,
        };
        *ret = table;
        return 0;
}

JobTable *job_table_free(JobTable *table) {
        if (!table)
                return NULL;
        while (table->jobs) {
                WorkerResult result = {};

                if (problem_set(&result.problem, OUTCOME_FAILED,
                                    "vfiod is ending. The work goes on by itself, and the next start knows of it.") < 0)
                        result.error = -ENOMEM;
                answer(table->jobs, &result);
                result_done(&result);
                job_free(table->jobs);
        }
        sd_event_unref(table->event);
        free(table);
        return NULL;
}

/* The members' activity, state and origin, told to the inventory. What fails here is memory; the next look mends it. */

static void set_activity(const Job *job, DeviceActivity activity) {
        for (size_t i = 0; i < job->plan->n_members; i++)
                (void)inventory_set_activity(job->table->inventory, job->plan->members[i].address, activity);
}

static int look_again(const Job *job) {
        JobTable *table = job->table;
        int r = journal_load(table->journal);

        if (r >= 0)
                r = journal_apply(table->journal, table->inventory);
        for (size_t i = 0; i < job->plan->n_members && r >= 0; i++)
                r = scan_device(table->kernel, table->inventory, job->plan->members[i].address);
        if (r < 0)
                log_error_errno(r, "Cannot look at the devices of job %lu after its end", job->number);
        return r;
}

static void log_end(const Job *job, const WorkerResult *result) {
        char group[16], number[24];

        (void)snprintf(group, sizeof(group), "%d", job->plan->group);
        (void)snprintf(number, sizeof(number), "%lu", job->number);
        LogEvent event = {
                        .priority = LOG_NOTICE,
                        .message_id = job->verb == PLAN_DETACH ? MESSAGE_DETACHED : MESSAGE_REATTACHED,
                        .group = group,
                        .job = number,
                        .caller = job->caller,
        };
        if (result->error < 0 || result->problem.outcome != OUTCOME_DONE) {
                event.priority = LOG_WARNING;
                event.message_id = MESSAGE_JOB_FAILED;
                log_event(&event, "Group %s: %s for %s failed: %s", group, plan_verb_to_string(job->verb), job->caller,
                                result->error < 0 ? strerror(-result->error) : strempty(result->problem.message));
                return;
        }
        for (size_t i = 0; i < result->n_changes; i++) {
                const TransactionChange *change = &result->changes[i];
                const char *before = change->driver_before, *after = change->driver_after;

                event.address = PCI_ADDRESS_TEXT(change->address);
                log_event(&event, "%s: %s is on %s now, was on %s (group %s, for %s)", plan_verb_to_string(job->verb),
                                event.address, isempty(after) ? "no driver" : after, isempty(before) ? "none" : before,
                                group, job->caller);
        }
}

static void finish(Job *job, const WorkerResult *result) {
        set_activity(job, DEVICE_QUIET);
        log_end(job, result);
        answer(job, result);
        job_free(job);
}

/* Whether the host calls each device again as it did. */
static bool names_are_back(const Job *job) {
        for (size_t i = 0; i < job->plan->n_members; i++) {
                const PlanMember *member = &job->plan->members[i];
                const Device *device = inventory_find_device(job->table->inventory, member->address);

                for (const HostName *name = member->origin->names; device && device->present && name; name = name->next)
                        if (!host_name_list_has(device->names, name->kind, name->name))
                                return false;
        }
        return true;
}

void job_look_at_names(JobTable *table) {
        for (Job *job = table->jobs, *next; job; job = next) {
                next = job->next;
                if (job->waits_for_names && names_are_back(job)) {
                        WorkerResult result = job->result;
                        job->result = (WorkerResult){};
                        finish(job, &result);
                        result_done(&result);
                }
        }
}

static void on_stuck(Job *job) {
        const PlanStep *step = &job->plan->steps[job->step];
        const char *address = PCI_ADDRESS_TEXT(job->plan->members[step->member].address);
        WorkerResult result = {};
        char group[16], number[24];

        job->stuck = true;
        set_activity(job, DEVICE_WAITED_FOR);
        (void)snprintf(group, sizeof(group), "%d", job->plan->group);
        (void)snprintf(number, sizeof(number), "%lu", job->number);
        log_event(&(LogEvent){.priority = LOG_ERR,
                                  .message_id = MESSAGE_STUCK,
                                  .address = address,
                                  .group = group,
                                  .job = number,
                                  .caller = job->caller},
                        "Group %s: %s for %s is stuck at the step '%s' of %s", group, plan_verb_to_string(job->verb),
                        job->caller, step_kind_to_string(step->kind), address);
        int r = problem_set(&result.problem, OUTCOME_STUCK,
                        "The kernel did not come back from the step '%s' of %s within %" PRIu64
                        " s. The job goes on by itself when it does; nobody else is held up.",
                        step_kind_to_string(step->kind), address, job->table->limits.step_deadline_us / USEC_PER_SEC);
        if (r < 0)
                result.error = r;
        answer(job, &result);
        result_done(&result);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        Job *job = userdata;

        (void)source;
        (void)time;
        if (!job->waits_for_names) {
                on_stuck(job);
                return 0;
        }
        /* The devices are back; a name that is not may never come. */
        WorkerResult result = job->result;
        job->result = (WorkerResult){};
        finish(job, &result);
        result_done(&result);
        return 0;
}

static int set_timer(Job *job, uint64_t delay) {
        static const uint64_t accuracy = USEC_PER_SEC / 10;
        int r;

        if (!job->timer)
                return sd_event_add_time_relative(
                                job->table->event, &job->timer, CLOCK_MONOTONIC, delay, accuracy, on_timer, job);
        if ((r = sd_event_source_set_time_relative(job->timer, delay)) < 0)
                return r;
        return sd_event_source_set_enabled(job->timer, SD_EVENT_ONESHOT);
}

static void on_progress(Worker *worker, size_t step, void *userdata) {
        Job *job = userdata;

        (void)worker;
        job->step = step < job->plan->n_steps ? step : 0;
        if (job->stuck) {
                job->stuck = false;
                set_activity(job, DEVICE_WORKED_ON);
        }
        (void)set_timer(job, job->table->limits.step_deadline_us);
}

static int start_worker(Job *job);

/* A worker that was killed may have left anything: its record says what there is to give back. */
static int recover_own_record(Job *job) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Journal *journal = job->table->journal;

        /* Also the devices: one may have gone. */
        int r = look_again(job);
        if (r < 0)
                return r;
        const Record *record = journal_record_of(journal, job->plan->members[0].address);
        r = record ? intent_undo_plan(job->table->inventory, record, &plan) : -ENOENT;
        if (r < 0)
                return r;

        /* What is gone is not worked on any more. */
        set_activity(job, DEVICE_QUIET);
        plan_free(job->plan);
        job->plan = TAKE_PTR(plan);
        job->worker = worker_free(job->worker);
        job->recovering = true;
        job->step = 0;
        return start_worker(job);
}

/* The changes that the plan stands for, into the job's own result; for when no worker is left to tell. */
static int list_planned_changes(Job *job) {
        const Plan *plan = job->plan;

        job->result.changes = calloc(plan->n_members + 1, sizeof(TransactionChange));
        if (!job->result.changes)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++) {
                const RecordMember *entry = journal_find(job->table->journal, plan->members[i].address);
                const DeviceOrigin *origin = entry ? entry->origin : plan->members[i].origin;
                TransactionChange *change = &job->result.changes[job->result.n_changes++];
                char *home = change->driver_before, *away = change->driver_after;

                if (job->verb == PLAN_REATTACH)
                        home = change->driver_after, away = change->driver_before;
                change->address = plan->members[i].address;
                (void)snprintf(home, DRIVER_NAME_MAX, "%s", strempty(origin->driver));
                (void)snprintf(away, DRIVER_NAME_MAX, "%s", PLAN_VFIO_DRIVER);
        }
        return 0;
}

/* A worker died, and there is nothing that could be given back: it had done all, or nothing yet, or its devices are gone. The records
 * tell. */
static int conclude(Job *job, WorkerResult *result) {
        size_t n_entries = 0, n_detached = 0;

        for (size_t i = 0; i < job->plan->n_members; i++) {
                const RecordMember *entry = journal_find(job->table->journal, job->plan->members[i].address);
                n_entries += entry != NULL;
                n_detached += entry && entry->phase == RECORD_DETACHED;
        }
        bool detach = job->verb == PLAN_DETACH;
        if (detach ? n_detached == job->plan->n_members : n_entries == 0) {
                int r = list_planned_changes(job);
                result->changes = job->result.changes;
                result->n_changes = job->result.n_changes;
                return r;
        }
        if (detach ? n_entries == 0 : n_detached == job->plan->n_members)
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for group %d died before it changed anything: try again.",
                                job->plan->group);
        return problem_set(&result->problem, OUTCOME_FAILED,
                        "The worker process for group %d died, and its devices are gone from their slots: look again "
                        "with 'vfioctl "
                        "devices'.",
                        job->plan->group);
}

/* Keeps a success for later: its changes. */
static int keep_result(Job *job, const WorkerResult *result) {
        if (job->result.changes)
                return 0;
        job->result.changes = calloc(result->n_changes + 1, sizeof(TransactionChange));
        if (!job->result.changes)
                return -ENOMEM;
        memcpy(job->result.changes, result->changes, result->n_changes * sizeof(TransactionChange));
        job->result.n_changes = result->n_changes;
        return 0;
}

static void on_done(Worker *worker, WorkerResult *result, void *userdata) {
        Job *job = userdata;
        int r = 0;

        (void)worker;
        if (result->error == -EPIPE) {
                log_error("Job %lu: its worker died.", job->number);
                result->error = 0;
                r = job->recovering ? -EPIPE : recover_own_record(job);
                if (r >= 0)
                        return;
                r = r == -ENOENT ? conclude(job, result)
                                 : problem_set(&result->problem, OUTCOME_FAILED,
                                                   "The worker process for group %d died, and what it left could not "
                                                   "be given "
                                                   "back. Look with 'vfioctl show group:%d', then reattach it.",
                                                   job->plan->group, job->plan->group);
        } else if (job->recovering && job->verb == PLAN_DETACH && result->error == 0 &&
                        result->problem.outcome == OUTCOME_DONE)
                r = problem_set(&result->problem, OUTCOME_ROLLED_BACK,
                                "The worker process for group %d died. Everything is as it was before.",
                                job->plan->group);
        if (r < 0)
                result->error = r;
        (void)look_again(job);

        bool success = result->error == 0 && result->problem.outcome == OUTCOME_DONE;
        if (!success || job->verb == PLAN_DETACH || names_are_back(job)) {
                finish(job, result);
                return;
        }
        if (keep_result(job, result) < 0 || set_timer(job, job->table->limits.names_deadline_us) < 0) {
                finish(job, result);
                return;
        }
        job->waits_for_names = true;
        job->worker = worker_free(job->worker);
}

static int start_worker(Job *job) {
        JobTable *table = job->table;
        _cleanup_free_ unsigned long *superseded = NULL;
        size_t n_superseded;
        int r;

        job->record = record_free(job->record);
        if ((r = intent_make_record(table->journal, job->plan, &job->record, &superseded, &n_superseded)) < 0 ||
                        (r = set_timer(job, table->limits.step_deadline_us)) < 0)
                return r;
        Transaction transaction = {
                        .kernel = table->kernel,
                        .state_fd = table->journal->state_fd,
                        .plan = job->plan,
                        .record = job->record,
                        .superseded = superseded,
                        .n_superseded = n_superseded,
        };
        r = worker_new(table->event, &transaction, on_progress, on_done, job, &job->worker);
        if (r < 0)
                return r;
        set_activity(job, DEVICE_WORKED_ON);
        return 0;
}

int job_start(JobTable *table, Plan *plan, const char *caller, job_done_t done, void *userdata, Problem *problem) {
        _cleanup_(plan_freep) Plan *owned_plan = plan;

        if (table->n_jobs >= table->limits.jobs_max)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "%zu jobs are under way already: try again when one is done.", table->n_jobs);
        for (const Job *other = table->jobs; other; other = other->next)
                if (other->plan->group == plan->group)
                        return problem_set(problem, OUTCOME_BUSY,
                                        "Job %lu is at work on group %d: try again when it is done.", other->number,
                                        plan->group);

        _cleanup_(job_freep) Job *job = calloc(1, sizeof(Job));
        if (!job)
                return -ENOMEM;
        job->table = table;
        job->number = table->next_job++;
        job->plan = TAKE_PTR(owned_plan);
        job->verb = job->plan->verb;
        job->caller = strdup(caller);
        if (!job->caller)
                return -ENOMEM;
        int r = start_worker(job);
        if (r < 0)
                return r;

        job->done = done;
        job->userdata = userdata;
        job->next = table->jobs;
        table->jobs = job;
        table->n_jobs++;
        TAKE_PTR(job);
        return 0;
}

int job_recover(JobTable *table) {
        const Journal *journal = table->journal;

        for (size_t i = 0; i < journal->n_records; i++) {
                _cleanup_(plan_freep) Plan *plan = NULL;
                _cleanup_problem_ Problem problem = {};

                int r = journal->locked[i] ? -ENOENT : intent_undo_plan(table->inventory, journal->records[i], &plan);
                if (r == -ENOENT)
                        continue;
                if (r < 0 || (r = job_start(table, TAKE_PTR(plan), "recovery", NULL, NULL, &problem)) < 0)
                        return r;
                if (r > 0)
                        log_warning("Group %d was left in between and is not given back: %s",
                                        journal->records[i]->group, problem.message);
        }
        return 0;
}
