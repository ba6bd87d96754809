/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "revert/revert-internal.h"

int revert_table_new(const RevertParts *parts, RevertTable **ret) {
        _cleanup_(revert_table_freep) RevertTable *table = malloc(sizeof(RevertTable));

        if (!table)
                return -ENOMEM;
        *table = (RevertTable){.parts = *parts, .next_number = 1};
        int r = revert_restore_all(table);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(table);
        return 0;
}

void revert_table_stop(RevertTable *table) {
        if (table)
                table->is_ending = true;
}

/* Answers those who still wait. */
static void answer_end(Revert *revert) {
        job_done_t done = TAKE_PTR(revert->done);
        revert_changed_t changed = TAKE_PTR(revert->changed);
        WorkerResult result = {};

        if (done) {
                if (problem_set(&result.problem, OUTCOME_FAILED, "vfiod is ending and did nothing: try again.") < 0)
                        result.error = -ENOMEM;
                done(&result, revert->userdata);
                worker_result_done(&result);
        }
        if (changed)
                changed(-ECANCELED, revert->changed_userdata);
}

RevertTable *revert_table_free(RevertTable *table) {
        if (!table)
                return NULL;
        table->watch = NULL;
        while (table->reverts) {
                answer_end(table->reverts);
                revert_free(table->reverts);
        }
        free(table);
        return NULL;
}

void revert_table_process(RevertTable *table) {
        for (Revert *revert = table->reverts, *next; revert; revert = next) {
                next = revert->next;
                revert_update_group(revert);
                bool is_set = revert->state == REVERT_PENDING || revert->state == REVERT_DUE;
                if (is_set && !revert->waits && !revert->is_over && !revert_is_needed(revert))
                        revert_end(revert);
        }
}
