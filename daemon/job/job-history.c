/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job-history.h"

void ended_job_done(EndedJob *entry) {
        free(entry->addresses);
        free(entry->changes);
        log_fields_done(&entry->caller);
        problem_done(&entry->problem);
}

static void drop(EndedJob **slot) {
        if (*slot)
                ended_job_done(*slot);
        free(TAKE_PTR(*slot));
}

static EndedJob **slot_of(JobHistory *history, uint64_t sequence) {
        return &history->jobs[sequence % JOB_HISTORY_MAX];
}

void job_history_add(JobHistory *history, EndedJob *entry) {
        EndedJob **slot = slot_of(history, ++history->n_ended);

        drop(slot);
        entry->sequence = history->n_ended;
        *slot = malloc(sizeof(EndedJob));
        if (*slot)
                **slot = *entry;
        else
                ended_job_done(entry);
}

const EndedJob *job_history_find(const JobHistory *history, uint64_t sequence) {
        const EndedJob *entry = history->jobs[sequence % JOB_HISTORY_MAX];

        return entry && entry->sequence == sequence ? entry : NULL;
}

void job_history_done(JobHistory *history) {
        for (size_t i = 0; i < JOB_HISTORY_MAX; i++)
                drop(&history->jobs[i]);
}
