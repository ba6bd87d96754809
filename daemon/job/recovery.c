/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/job-internal.h"

#include <sys/syscall.h>

/* Workers that an earlier daemon started. */

/* Logs what the worker has done. If it did not end its transaction, a recovery follows, which logs its own end. */
static void log_end(const Job *job) {
        WorkerResult result = {};

        if (!state_find_transaction(job->table->state, job->transaction) && job_conclude(job, &result) == 0)
                job_log_end(job, &result);
        worker_result_done(&result);
}

static int on_worker_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Job *job = userdata;
        JobTable *table = job->table;

        (void)source, (void)fd, (void)events;
        int r = job_read_again(job);
        if (r >= 0)
                log_end(job);
        job_set_activity(job, DEVICE_QUIET);
        job_free(job);
        if (r >= 0 && (r = job_recover(table)) < 0)
                log_error_errno(r, "Cannot continue after the worker of an earlier daemon ended");
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        job_set_activity(userdata, DEVICE_WAITED_FOR);
        return 0;
}

/* Returns 0; -ESRCH if the worker has ended meanwhile; another negative errno. */
static int watch_worker(JobTable *table, const StateTransaction *transaction) {
        const JobLimits *limits = &table->limits;
        uint64_t deadline = transaction->plan->force ? limits->held_deadline_us : limits->step_deadline_us;
        _cleanup_(plan_freep) Plan *plan = NULL;
        pid_t owner = 0;

        /* The kernel may use the id of an ended process again. So the lock is checked afterwards: while the process
         * has it, the id is its own. */
        _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, transaction->owner, 0);
        if (pidfd < 0)
                return -errno;
        int r = transaction_file_read(table->state->transactions_fd, transaction->number, &plan, &owner);
        if (r == -ENOENT || (r >= 0 && owner != transaction->owner))
                return -ESRCH;
        if (r < 0)
                return r;
        _cleanup_(job_freep) Job *job = malloc(sizeof(Job));
        if (!job)
                return -ENOMEM;
        *job = (Job){.table = table, .transaction = transaction->number, .plan = TAKE_PTR(plan)};
        job->caller = strdup(job->plan->caller.text ?: "a call to an earlier vfiod");
        log_fields_add_all(&job->fields, &job->plan->caller.fields);
        if (!job->caller)
                return -ENOMEM;
        if ((r = sd_event_add_io(table->event, &job->orphan, pidfd, EPOLLIN, on_worker_end, job)) < 0 ||
                        (r = sd_event_source_set_io_fd_own(job->orphan, true)) < 0)
                return r;
        TAKE_FD(pidfd);
        if ((r = sd_event_add_time_relative(
                             table->event, &job->timer, CLOCK_MONOTONIC, deadline, 0, on_deadline, job)) < 0)
                return r;
        job_set_activity(job, DEVICE_WORKED_ON);
        log_notice("A worker of an earlier daemon is still changing %s.", PCI_ADDRESS_TEXT(job->plan->selected));
        job->next = table->jobs;
        table->jobs = TAKE_PTR(job);
        return 0;
}

static int watch_workers(JobTable *table) {
        State *state = table->state;
        bool ended = false;

        for (size_t i = 0; i < state->n_transactions; i++) {
                const StateTransaction *transaction = &state->transactions[i];

                if (transaction->owner == 0 || job_table_has_transaction(table, transaction->number))
                        continue;
                int r = watch_worker(table, transaction);
                if (r == -ESRCH) {
                        /* Its devices were read before its last writes. */
                        ended = true;
                        r = job_scan_members(table, transaction->plan);
                }
                if (r < 0)
                        return r;
        }
        return ended ? state_load(state) : 0;
}

/* Transactions whose worker died. */

static int recover_transaction(JobTable *table, unsigned long number) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        pid_t owner;

        int r = transaction_file_read(table->state->transactions_fd, number, &plan, &owner);
        if (r == -ENOENT)
                return 0;
        if (r < 0 || owner > 0)
                return r < 0 ? r : 0;
        const char *selected = PCI_ADDRESS_TEXT(plan->selected);
        PlanCaller *caller = &plan->caller;
        if (!log_fields_find(&caller->fields, "VFIOD_CALLER_KIND"))
                log_fields_add(&caller->fields, "VFIOD_CALLER_KIND", "recovery");
        r = job_start(table, TAKE_PTR(plan), caller->text ?: "recovery", &caller->fields, NULL, NULL, &problem);
        if (r > 0)
                log_warning("An interrupted job on %s is not ended yet: %s", selected, problem.message);
        return r < 0 ? r : 0;
}

int job_recover(JobTable *table) {
        State *state = table->state;

        int r = watch_workers(table);
        if (r >= 0)
                r = state_apply(state, table->inventory);
        for (size_t i = 0; i < state->n_transactions && r >= 0; i++)
                if (state->transactions[i].owner == 0 &&
                                !job_table_has_transaction(table, state->transactions[i].number))
                        r = recover_transaction(table, state->transactions[i].number);
        return r;
}
