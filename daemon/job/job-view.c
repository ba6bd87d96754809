/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job-internal.h"

static const char *const state_table[_JOB_STATE_MAX] = {
                [JOB_RUNNING] = "running",
                [JOB_CANCELLING] = "cancelling",
                [JOB_RECOVERING] = "recovering",
                [JOB_STUCK] = "stuck",
                [JOB_FINISHING] = "finishing",
};

const char *job_state_to_string(JobState state) {
        return state_table[state];
}

JobDescription job_describe(const Job *job) {
        bool is_cancelling = job->cancelled && (!job->waits_for_names || job_was_undone(job));

        return (JobDescription){
                        .number = job->number,
                        .state = job->stuck                                      ? JOB_STUCK
                                        : job->waits_for_names && !is_cancelling ? JOB_FINISHING
                                        : job->recovering                        ? JOB_RECOVERING
                                        : is_cancelling                          ? JOB_CANCELLING
                                                                                 : JOB_RUNNING,
                        .plan = job->plan,
                        .step = job->step,
                        .cancelled = job->cancelled,
                        .caller = job->caller,
                        .fields = &job->fields,
                        .owner = job->owner,
                        .holder = strempty(job->holder),
                        .started_us = job->started_us,
        };
}

void job_table_watch(JobTable *table, job_watch_t watch, void *userdata) {
        table->watch = watch;
        table->watch_userdata = userdata;
}

const JobHistory *job_table_history(const JobTable *table) {
        return &table->history;
}

void job_table_set_gate(JobTable *table, job_gate_t gate, void *userdata) {
        table->gate = gate;
        table->gate_userdata = userdata;
}

Job *job_find(const JobTable *table, unsigned long number) {
        for (Job *job = table->jobs; job; job = job->next)
                if (job->number == number && job_is_visible(job))
                        return job;
        return NULL;
}

Job *job_next(const JobTable *table, const Job *previous) {
        Job *job = previous ? previous->next : table->jobs;

        while (job && !job_is_visible(job))
                job = job->next;
        return job;
}

dev_t job_table_find_cdev(const JobTable *table, PciAddress address) {
        for (const Job *job = table->jobs; job; job = job->next) {
                _cleanup_(plan_freep) Plan *plan = NULL;
                pid_t owner;

                if (job->transaction == 0 || plan_find_member(job->plan, address) < 0)
                        continue;
                /* What the worker has read is in its file, not in the plan of the daemon. */
                if (transaction_file_read(table->state->transactions_fd, job->transaction, &plan, &owner) < 0)
                        continue;
                int i = plan_find_member(plan, address);
                if (i >= 0)
                        return plan->members[i].cdev;
        }
        return 0;
}

int job_cancel(Job *job, Problem *problem) {
        /* It has undone everything, and waits for the names. */
        if (job->waits_for_names && job->cancelled && job_was_undone(job))
                return 0;
        if (job->waits_for_names || job->recovering || !job->worker)
                return problem_set(problem, OUTCOME_BUSY,
                                "Job %lu has done all its work, or is undoing it already, so it cannot be cancelled.",
                                job->number);
        if (job->begun && job->plan->steps[job->step].kind == STEP_RESET)
                return problem_set(problem, OUTCOME_BUSY,
                                "Job %lu has told the kernel to reset the device, so it cannot be cancelled any more.",
                                job->number);
        int r = job->cancelled ? 0 : worker_cancel(job->worker);
        if (r == -EPIPE)
                return problem_set(problem, OUTCOME_BUSY, "Job %lu is about to end, so it cannot be cancelled.",
                                job->number);
        if (r < 0)
                return r;
        job->cancelled = true;
        job_announce(job, JOB_CHANGED);
        return 0;
}

int job_describe_cancel(const Job *job, char **ret) {
        const PlanStep *step = &job->plan->steps[job->step];
        const char *name = step_kind_to_string(step->kind);
        const char *address = PCI_ADDRESS_TEXT(job->plan->members[step->member].address);
        char *text;
        int r;

        if (job->waits_for_names)
                r = asprintf(&text,
                                "Job %lu is cancelled: it has undone everything, and waits until the devices have "
                                "their names again.",
                                job->number);
        else if (job->stuck)
                r = asprintf(&text,
                                "Job %lu is cancelled, but it is stuck in the kernel: the step '%s' of %s has not "
                                "returned%s%s. When it returns, the job undoes what it did.",
                                job->number, name, address, job->holder ? "; it waits for " : "",
                                strempty(job->holder));
        else
                r = asprintf(&text,
                                "Job %lu is cancelled: it undoes what it did as soon as the step '%s' of %s is over.",
                                job->number, name, address);
        if (r < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}
