/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/function-job.h"
#include "job/intent.h"
#include "job/job-internal.h"
#include "model/scan.h"

#include <inttypes.h>
#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)

const JobLimits job_limits_default = {
                .step_deadline_us = 30 * USEC_PER_SEC,
                .held_deadline_us = USEC_PER_SEC,
                .names_deadline_us = 5 * USEC_PER_SEC,
                .jobs_max = 64,
                .plans = {.total = 16, .per_user = 4, .for_root = 4},
};

/* Plans that only look are no jobs to others. */
void job_announce(const Job *job, JobEvent event) {
        if (job->table->watch && !job->plan->only_plan)
                job->table->watch(job, event, job->table->watch_userdata);
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
                        job->table->n_jobs -= !job->plan->only_plan;
                        job_announce(job, JOB_REMOVED);
                        break;
                }
        worker_free(job->worker);
        sd_event_source_disable_unref(job->timer);
        record_free(job->record);
        plan_free(job->plan);
        plan_free(job->asked);
        worker_result_done(&job->result);
        free(job->caller);
        free(job->holder);
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
                worker_result_done(&result);
                job_free(table->jobs);
        }
        sd_event_unref(table->event);
        free(table);
        return NULL;
}

void job_set_activity(const Job *job, DeviceActivity activity) {
        if (job->plan->only_plan)
                return;
        for (size_t i = 0; i < job->plan->n_members; i++)
                (void)inventory_set_activity(job->table->inventory, job->plan->members[i].address, activity);
}

int job_look_again(const Job *job) {
        JobTable *table = job->table;
        int r = journal_load(table->journal);

        if (r >= 0 && job->verb == PLAN_SET_FUNCTIONS)
                r = function_job_look(job);
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
        if (job->verb == PLAN_SET_FUNCTIONS) {
                function_job_log_end(job, result, number);
                return;
        }
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
        for (size_t i = 0; i < result->report.n_changes; i++) {
                const TransactionChange *change = &result->report.changes[i];
                const char *before = change->driver_before, *after = change->driver_after;

                event.address = PCI_ADDRESS_TEXT(change->address);
                log_event(&event, "%s: %s is on %s now, was on %s (group %s, for %s)", plan_verb_to_string(job->verb),
                                event.address, isempty(after) ? "no driver" : TEXT_NAME(after),
                                isempty(before) ? "none" : TEXT_NAME(before), group, job->caller);
        }
}

static void finish(Job *job, const WorkerResult *result) {
        job_set_activity(job, DEVICE_QUIET);
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
                        worker_result_done(&result);
                }
        }
}

/* An unbind that waits for a virtual machine is stuck at once, as far as anybody can tell. */
static uint64_t step_deadline(const Job *job) {
        uint64_t deadline = job->table->limits.step_deadline_us;

        /* One write makes or removes all virtual functions, and the kernel binds each. */
        if (job->plan->verb == PLAN_SET_FUNCTIONS)
                return deadline + deadline / 16 * (job->plan->n_members + job->plan->functions.count);
        return job->holder && job->plan->force ? job->table->limits.held_deadline_us : deadline;
}

/* Says so, and what becomes of the job. */
static int describe_stuck(const Job *job, const char *address, Problem *problem) {
        const char *step = step_kind_to_string(job->plan->steps[job->step].kind);
        uint64_t deadline_ms = step_deadline(job) / 1000;

        if (!job->begun && (job->cancelled || job->plan->only_plan))
                return problem_set(problem, OUTCOME_STUCK,
                                "The kernel did not let group %d be looked at within %" PRIu64
                                " ms: somebody else is at it. Nothing was changed, and nothing will be.",
                                job->plan->group, deadline_ms);
        return problem_set(problem, OUTCOME_STUCK,
                        "The kernel did not come back from the step '%s' of %s within %" PRIu64
                        " ms%s%s. %s Other devices are not affected.",
                        step, address, deadline_ms, job->holder ? ": it waits for " : "", strempty(job->holder),
                        job->cancelled ? "The job was cancelled: when the kernel returns, it undoes what it did."
                                       : "The job goes on by itself when the kernel returns.");
}

static void on_stuck(Job *job) {
        const PlanStep *step = &job->plan->steps[job->step];
        const char *address = PCI_ADDRESS_TEXT(job->plan->members[step->member].address);
        WorkerResult result = {};
        char group[16], number[24];

        job->stuck = true;
        job_set_activity(job, DEVICE_WAITED_FOR);
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
        /* What it has seen is old when the kernel comes back; a recovery goes by its record. */
        if (!job->begun && !job->recovering && job->done && worker_cancel(job->worker) >= 0)
                job->cancelled = true;
        job_announce(job, JOB_CHANGED);
        int r = describe_stuck(job, address, &result.problem);
        if (r < 0)
                result.error = r;
        answer(job, &result);
        worker_result_done(&result);
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
        worker_result_done(&result);
        return 0;
}

static uint64_t now_us(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
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

static void on_progress(Worker *worker, size_t step, const char *holder, void *userdata) {
        Job *job = userdata;

        (void)worker;
        job->begun = true;
        job->step = step < job->plan->n_steps ? step : 0;
        if (job->stuck) {
                job->stuck = false;
                job_set_activity(job, DEVICE_WORKED_ON);
        }
        (void)free_and_strdup(&job->holder, holder);
        (void)set_timer(job, step_deadline(job));
        job_announce(job, JOB_CHANGED);
}

static void on_done(Worker *worker, WorkerResult *result, void *userdata) {
        Job *job = userdata;
        int r = 0;

        (void)worker;
        if (job->plan->only_plan) {
                answer(job, result);
                job_free(job);
                return;
        }
        if (result->error == -EPIPE) {
                log_error("Job %lu: its worker died.", job->number);
                result->error = 0;
                r = job->recovering ? -EPIPE : job_recover_own(job);
                if (r >= 0)
                        return;
                r = r == -ENOENT ? job_conclude(job, result) : job_conclude_recovery(job, result, false);
        } else if (job->recovering)
                r = job_conclude_recovery(job, result, result->error == 0 && result->problem.outcome == OUTCOME_DONE);
        if (r < 0)
                result->error = r;
        (void)job_look_again(job);

        bool success = result->error == 0 && result->problem.outcome == OUTCOME_DONE;
        if (!success || job->verb != PLAN_REATTACH || names_are_back(job)) {
                finish(job, result);
                return;
        }
        if (set_timer(job, job->table->limits.names_deadline_us) < 0) {
                finish(job, result);
                return;
        }
        job->waits_for_names = true;
        worker_result_done(&job->result);
        job->result = *result;
        *result = (WorkerResult){};
        job_announce(job, JOB_CHANGED);
        job->worker = worker_free(job->worker);
}

int job_start_worker(Job *job) {
        JobTable *table = job->table;
        _cleanup_free_ unsigned long *superseded = NULL;
        size_t n_superseded = 0;
        int r;

        job->begun = false;
        job->record = record_free(job->record);
        if ((!job->plan->only_plan &&
                            (r = intent_make_record(table->journal, job->plan, &job->record, &superseded,
                                             &n_superseded)) < 0) ||
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
        job_set_activity(job, DEVICE_WORKED_ON);
        return 0;
}

static bool functions_are_replaced(const JobTable *table, PciAddress physical) {
        const Journal *journal = table->journal;

        for (const Job *job = table->jobs; job; job = job->next)
                if (job->plan->verb == PLAN_SET_FUNCTIONS && pci_address_equal(job->plan->members[0].address, physical))
                        return true;
        /* By a worker of an earlier daemon. */
        for (size_t i = 0; i < journal->n_records; i++)
                if (journal->locked[i] && journal->records[i]->functions &&
                                pci_address_equal(journal->records[i]->functions->physical, physical))
                        return true;
        return false;
}

/* The physical function of a virtual one that is to be moved, where a job is about to replace those; NULL otherwise. */
static const PciAddress *find_busy_parent(const JobTable *table, const Plan *plan) {
        for (size_t i = 0; i < plan->n_members && !plan->only_plan && plan->verb != PLAN_SET_FUNCTIONS; i++) {
                const Device *device = inventory_find_device(table->inventory, plan->members[i].address);

                if (device && device->virtual_function && functions_are_replaced(table, device->physical_function))
                        return &device->physical_function;
        }
        return NULL;
}

int job_check_plan_quota(const JobTable *table, uid_t asker, Problem *problem) {
        QuotaUse use = {};

        for (const Job *job = table->jobs; job; job = job->next)
                if (job->plan->only_plan)
                        quota_add(&use, job->plan->asker, asker);
        return quota_check(&table->limits.plans, &use, asker, "plans", problem);
}

int job_start(JobTable *table, Plan *plan, const char *caller, job_done_t done, void *userdata, Problem *problem) {
        _cleanup_(plan_freep) Plan *owned_plan = plan;

        for (const Job *other = table->jobs; other; other = other->next)
                if (plan->only_plan && other->plan->only_plan && other->stuck && other->plan->group == plan->group)
                        return problem_set(problem, OUTCOME_STUCK,
                                        "The kernel does not answer about group %d since an earlier plan asked: "
                                        "something "
                                        "else holds a device of it in the middle of an unbind.",
                                        plan->group);
        if (plan->only_plan) {
                int r = job_check_plan_quota(table, plan->asker, problem);
                if (r != 0)
                        return r;
        } else if (table->n_jobs >= table->limits.jobs_max)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "%zu jobs are under way already: try again when one is done.", table->n_jobs);
        for (const Job *other = table->jobs; other; other = other->next)
                if (!plan->only_plan && !other->plan->only_plan && other->plan->group == plan->group &&
                                plan->group != IOMMU_GROUP_NONE)
                        return problem_set(problem, OUTCOME_BUSY,
                                        "Job %lu is at work on group %d: try again when it is done.", other->number,
                                        plan->group);

        const PciAddress *parent = find_busy_parent(table, plan);
        if (parent)
                return problem_set(problem, OUTCOME_BUSY,
                                "Another job is at work on the virtual functions of %s: try again when it is done.",
                                PCI_ADDRESS_TEXT(*parent));

        _cleanup_(job_freep) Job *job = calloc(1, sizeof(Job));
        if (!job)
                return -ENOMEM;
        job->table = table;
        job->number = table->next_job++;
        job->started_us = now_us();
        job->plan = TAKE_PTR(owned_plan);
        job->verb = job->plan->verb;
        job->caller = strdup(caller);
        if (!job->caller)
                return -ENOMEM;
        int r = job_start_worker(job);
        if (r < 0)
                return r;

        job->done = done;
        job->userdata = userdata;
        job->next = table->jobs;
        table->jobs = job;
        table->n_jobs += !job->plan->only_plan;
        job_announce(job, JOB_ADDED);
        TAKE_PTR(job);
        return 0;
}
