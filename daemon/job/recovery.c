/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/job-internal.h"

static bool has_job(const JobTable *table, unsigned long transaction) {
        for (const Job *job = table->jobs; job; job = job->next)
                if (job->transaction == transaction)
                        return true;
        return false;
}

/* Returns 1 if a job was started, 0, or a negative errno. */
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
        r = job_start(table, TAKE_PTR(plan), "recovery", NULL, NULL, &problem);
        if (r > 0)
                log_warning("An interrupted job on %s is not ended yet: %s", selected, problem.message);
        return r < 0 ? r : 0;
}

int job_recover(JobTable *table) {
        State *state = table->state;
        int r = state_apply(state, table->inventory);

        for (size_t i = 0; i < state->n_transactions && r >= 0; i++)
                if (state->transactions[i].owner == 0 && !has_job(table, state->transactions[i].number))
                        r = recover_transaction(table, state->transactions[i].number);
        return r;
}
