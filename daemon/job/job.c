/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/job-internal.h"
#include "kernel/sriov.h"
#include "model/scan.h"

#define USEC_PER_SEC UINT64_C(1000000)

const JobLimits job_limits_default = {
                .step_deadline_us = 30 * USEC_PER_SEC,
                .held_deadline_us = USEC_PER_SEC,
                .names_deadline_us = 5 * USEC_PER_SEC,
                .jobs = {.total = 64, .per_user = 16, .for_root = 16},
                .plans = {.total = 16, .per_user = 4, .for_root = 4},
};

void job_announce(const Job *job, JobEvent event) {
        if (job->table->watch && job_is_visible(job))
                job->table->watch(job, event, job->table->watch_userdata);
}

static void answer(Job *job, const WorkerResult *result) {
        job_done_t done = TAKE_PTR(job->done);
        if (done)
                done(result, job->userdata);
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        for (Job **link = &job->table->jobs; *link; link = &(*link)->next)
                if (*link == job) {
                        *link = job->next;
                        job->table->n_jobs -= job_is_visible(job);
                        job_announce(job, job->entry ? JOB_REMOVED : JOB_ENDED);
                        break;
                }
        worker_free(job->worker);
        sd_event_source_disable_unref(job->orphan);
        sd_event_source_disable_unref(job->timer);
        plan_free(job->plan);
        worker_result_done(&job->result);
        free(job->caller);
        log_fields_done(&job->fields);
        free(job->holder);
        (void)ended_job_free(job->entry);
        free(job);
        return NULL;
}

int job_table_new(sd_event *event, const Kernel *kernel, Inventory *inventory, State *state, const WorkerPort *port,
                const JobLimits *limits, JobTable **ret) {
        _cleanup_(log_quota_freep) LogQuota *log_quota = NULL;
        int r = log_quota_new(event, &log_quota_limits_default, &log_quota);
        if (r < 0)
                return r;
        JobTable *table = malloc(sizeof(JobTable));
        if (!table)
                return -ENOMEM;
        *table = (JobTable){
                        .event = sd_event_ref(event),
                        .kernel = kernel,
                        .inventory = inventory,
                        .state = state,
                        .port = port,
                        .log_quota = TAKE_PTR(log_quota),
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
                                    "vfiod is ending. The job continues by itself, and the next start of vfiod finds "
                                    "it.") < 0)
                        result.error = -ENOMEM;
                answer(table->jobs, &result);
                worker_result_done(&result);
                job_free(table->jobs);
        }
        job_history_done(&table->history);
        log_quota_free(table->log_quota);
        sd_event_unref(table->event);
        free(table);
        return NULL;
}

LogQuota *job_table_log_quota(const JobTable *table) {
        return table->log_quota;
}

void job_set_activity(const Job *job, DeviceActivity activity) {
        if (job->plan->only_plan)
                return;
        for (size_t i = 0; i < job->plan->n_members; i++)
                if (!job->plan->members[i].created)
                        (void)inventory_set_activity(job->table->inventory, job->plan->members[i].address, activity);
}

/* The events of new VFs may not have been processed yet. */
static int scan_vfs(const Job *job) {
        _cleanup_free_ PciAddress *vfs = NULL;
        size_t n = 0;
        int r = 0;

        _cleanup_close_ int fd = pci_device_open(job->table->kernel, job->plan->members[0].address);
        if (fd >= 0 && (r = sriov_list_functions(fd, &vfs, &n)) < 0)
                return r;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = scan_device(job->table->kernel, job->table->inventory, vfs[i]);
        return r;
}

int job_scan_members(const JobTable *table, const Plan *plan) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (!plan->members[i].created)
                        r = scan_changes(table->kernel, table->inventory, plan->members[i].address);
        return r;
}

int job_read_again(const Job *job) {
        JobTable *table = job->table;
        int r = state_load(table->state);

        if (r >= 0 && job->plan->verb == PLAN_SET_VFS)
                r = scan_vfs(job);
        /* The devices before the records: the model knows by the old record that a device which is back had vanished
         * with its parent. */
        if (r >= 0)
                r = job_scan_members(table, job->plan);
        if (r >= 0)
                r = state_apply(table->state, table->inventory);
        if (r < 0)
                log_error_errno(r, "Cannot read %s and its group after the end of a job",
                                PCI_ADDRESS_TEXT(job->plan->selected));
        return r;
}

static bool has_succeeded(const Job *job) {
        return job->result.error == 0 && job->result.problem.outcome == OUTCOME_DONE;
}

static void finish(Job *job) {
        WorkerResult *result = &job->result;

        /* Drivers may have bound since the worker's end. */
        if (has_succeeded(job) && job->plan->verb == PLAN_SET_VFS && !job->recovering)
                result->error = job_list_vfs(job, &result->report);
        job_set_activity(job, DEVICE_QUIET);
        job_log_end(job, result);
        answer(job, result);
        if (job_is_visible(job))
                job_enter_history(job);
        job_free(job);
}

void job_table_check_names(JobTable *table) {
        for (Job *job = table->jobs, *next; job; job = next) {
                next = job->next;
                if (job->waits_for_names && job_names_are_back(job))
                        finish(job);
        }
}

/* An unbind that waits for a process probably does not return soon. One write creates or removes all VFs, and the
 * kernel binds each of them. */
static uint64_t step_deadline(const Job *job) {
        uint64_t deadline = job->table->limits.step_deadline_us;

        if (job->plan->verb == PLAN_SET_VFS)
                return deadline + deadline / 16 * job->plan->n_members;
        return job->holder && job->plan->force ? job->table->limits.held_deadline_us : deadline;
}

static int describe_stuck(const Job *job, const char *address, Problem *problem) {
        const char *step = step_kind_to_string(job->plan->steps[job->step].kind);
        unsigned long long deadline_ms = step_deadline(job) / 1000;

        return problem_set(problem, OUTCOME_STUCK,
                        "The kernel did not return from the step '%s' of %s within %llu ms%s%s. %s Other devices are "
                        "not affected.",
                        step, address, deadline_ms, job->holder ? ": it waits for " : "", strempty(job->holder),
                        job->cancelled && job->plan->verb != PLAN_RESET
                                        ? "The job was cancelled: when the kernel returns, it undoes what it did."
                                        : "The job continues when the kernel returns.");
}

static void on_stuck(Job *job) {
        const PlanStep *step = &job->plan->steps[job->step];
        const char *address = PCI_ADDRESS_TEXT(plan_step_address(job->plan, step));
        WorkerResult result = {};

        job->stuck = true;
        job_set_activity(job, DEVICE_WAITED_FOR);
        job_announce(job, JOB_CHANGED);
        int r = describe_stuck(job, address, &result.problem);
        if (r < 0)
                result.error = r;
        job_log_stuck(job, &result.problem);
        answer(job, &result);
        worker_result_done(&result);
}

/* A survey ends by itself when its deadline passes, which is shorter than that of a step. So the worker waits in the
 * kernel, for example for a disk that does not answer. It has changed nothing, and the survey would be out of date when
 * the kernel returns: then the worker ends without a change. Until then its devices are "changing", because it may hold
 * their nodes. */
static void give_up_survey(Job *job) {
        WorkerResult result = {};

        job->given_up = true;
        if (!job->plan->only_plan && worker_cancel(job->worker) >= 0)
                job->cancelled = true;
        job_announce(job, JOB_CHANGED);
        int r = problem_set(&result.problem, OUTCOME_SURVEY_TIMED_OUT,
                        "vfiod could not find out within %llu ms what uses the devices of %s: the kernel does not "
                        "answer, because another program is "
                        "changing a device of the group, or because a disk does not answer. Nothing was changed. Try "
                        "again when that is over.",
                        (unsigned long long)step_deadline(job) / 1000, PLAN_GROUP_TEXT(job->plan));
        if (r < 0)
                result.error = r;
        job_log_given_up(job, &result.problem);
        answer(job, &result);
        worker_result_done(&result);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        Job *job = userdata;

        (void)source, (void)time;
        /* The devices are back. A name that is still missing may never come. */
        if (job->waits_for_names)
                finish(job);
        else if (!job->begun && !job->recovering)
                give_up_survey(job);
        else
                on_stuck(job);
        return 0;
}

static int set_timer(Job *job, uint64_t delay) {
        job->timer = sd_event_source_disable_unref(job->timer);
        int r = sd_event_add_time_relative(
                        job->table->event, &job->timer, CLOCK_MONOTONIC, delay, USEC_PER_SEC / 10, on_timer, job);
        /* A message of the worker that has arrived comes first: the daemon may be late, and not the worker. */
        return r < 0 ? r : sd_event_source_set_priority(job->timer, SD_EVENT_PRIORITY_NORMAL + 1);
}

static void on_progress(size_t step, const char *holder, void *userdata) {
        Job *job = userdata;

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

static bool host_binds_vfs(const Job *job) {
        bool autoprobe = false;

        _cleanup_close_ int fd = pci_device_open(job->table->kernel, job->plan->members[0].address);
        return fd >= 0 && job->plan->vf_fate == VFS_OF_HOST && sriov_read_autoprobe(fd, &autoprobe) >= 0 && autoprobe;
}

/* The host creates the names of the devices again, after a success and after a detach that was undone. Returns whether the job waits
 * for that. */
static bool begin_waiting_for_names(Job *job) {
        if (!(has_succeeded(job) || job_was_undone(job)) || job->recovering)
                return false;
        job->expects_drivers = job->plan->verb == PLAN_SET_VFS && host_binds_vfs(job);
        if (job_names_are_back(job) || set_timer(job, job->table->limits.names_deadline_us) < 0)
                return false;
        job->waits_for_names = true;
        job_announce(job, JOB_CHANGED);
        job->worker = worker_free(job->worker);
        return true;
}

static int start_worker(Job *job);

/* Starts another worker for a job whose worker died, to end the transaction that this worker left. Returns 0;
 * -ENOENT if it left none; another negative errno. */
static int recover(Job *job) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if ((r = job_read_again(job)) < 0 || (r = job_read_left_plan(job, &plan)) < 0)
                return r;
        /* The plan of the recovery may have fewer devices than the job's. */
        job_set_activity(job, DEVICE_QUIET);
        plan_free(job->plan);
        job->plan = TAKE_PTR(plan);
        job->worker = worker_free(job->worker);
        job->recovering = job->worker_died = true;
        job->step = 0;
        return start_worker(job);
}

static void on_done(WorkerResult *reported, void *userdata) {
        Job *job = userdata;
        WorkerResult *result = &job->result;
        int r = 0;

        worker_result_done(result);
        *result = TAKE_GENERIC(*reported, WorkerResult, (WorkerResult){});
        if (job->plan->only_plan) {
                report_update_targets(&result->report, job->plan);
                answer(job, result);
                job_free(job);
                return;
        }
        if (result->error == -EPIPE) {
                log_error("The worker process of job %lu died.", job->number);
                result->error = 0;
                r = job->recovering ? -EPIPE : recover(job);
                if (r >= 0)
                        return;
                r = r == -ENOENT ? job_conclude(job, result)
                                 : problem_set(&result->problem, OUTCOME_FAILED, "A second worker process died, too.");
        }
        if (job->worker_died && job->recovering)
                r = job_conclude_recovery(job, result);
        if (r < 0)
                result->error = r;
        (void)job_read_again(job);
        if (!begin_waiting_for_names(job))
                finish(job);
}

bool job_table_has_transaction(const JobTable *table, unsigned long transaction) {
        for (const Job *job = table->jobs; job; job = job->next)
                if (job->transaction == transaction)
                        return true;
        return false;
}

/* Finds the lowest number that neither a file nor a job has. */
static int find_transaction_number(const JobTable *table, unsigned long *ret) {
        unsigned long number = 0;
        int r;

        *ret = 1;
        if (table->state->transactions_fd < 0)
                return 0; /* The worker refuses, with the reason. */
        do
                r = transaction_file_find_number(table->state->transactions_fd, number + 1, &number);
        while (r >= 0 && job_table_has_transaction(table, number));
        *ret = number;
        return r;
}

static int start_worker(Job *job) {
        JobTable *table = job->table;
        int r;

        job->begun = false;
        if (!job->plan->only_plan && job->transaction == 0 &&
                        (r = find_transaction_number(table, &job->transaction)) < 0)
                return r;
        if ((r = set_timer(job, table->limits.step_deadline_us)) < 0 ||
                        (r = worker_new(table->event, table->port, job->transaction, job->plan, on_progress, on_done,
                                         job, &job->worker)) < 0)
                return r;
        job_set_activity(job, DEVICE_WORKED_ON);
        return 0;
}

int job_start(JobTable *table, Plan *plan, const char *caller, const LogFields *fields, job_done_t done, void *userdata,
                Problem *problem) {
        _cleanup_(plan_freep) Plan *owned_plan = plan;
        int r;

        r = plan->only_plan ? job_check_survey(table, plan, problem) : job_check(table, plan, problem);
        if (r != 0)
                return r;

        _cleanup_(job_freep) Job *job = calloc(1, sizeof(Job));
        if (!job)
                return -ENOMEM;
        job->table = table;
        if (!(job->entry = calloc(1, sizeof(EndedJob))))
                return -ENOMEM;
        job->number = table->next_job++;
        job->started_us = clock_us(CLOCK_REALTIME);
        job->plan = TAKE_PTR(owned_plan);
        job->caller = strdup(caller);
        if (fields)
                log_fields_add_all(&job->fields, fields);
        job->owner = job->plan->asker;
        job->recovering = job->plan->recovery;
        job->transaction = job->plan->transaction;
        if (!job->caller || (!job->recovering && plan_caller_set(&job->plan->caller, job->caller, &job->fields) < 0))
                return -ENOMEM;
        if ((r = start_worker(job)) < 0)
                return r == -ENOMEM ? r
                                    : problem_set(problem, OUTCOME_FAILED,
                                                      "vfiod cannot start a worker (%s): see 'systemctl status "
                                                      "vfiod-worker.socket'.",
                                                      strerror(-r));

        job->done = done;
        job->userdata = userdata;
        job->next = table->jobs;
        table->jobs = job;
        table->n_jobs += job_is_visible(job);
        job_announce(job, JOB_ADDED);
        TAKE_PTR(job);
        return 0;
}
