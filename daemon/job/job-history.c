/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job-history.h"

EndedJob *ended_job_free(EndedJob *entry) {
        if (!entry)
                return NULL;
        free(entry->addresses);
        free(entry->changes);
        log_fields_done(&entry->caller);
        problem_done(&entry->problem);
        finding_list_done(&entry->findings);
        free(entry);
        return NULL;
}

static EndedJob **slot_of(JobHistory *history, uint64_t sequence) {
        return &history->jobs[sequence % JOB_HISTORY_MAX];
}

void job_history_add(JobHistory *history, EndedJob *entry) {
        EndedJob **slot = slot_of(history, ++history->n_ended);

        (void)ended_job_free(*slot);
        entry->sequence = history->n_ended;
        *slot = entry;
}

const EndedJob *job_history_find(const JobHistory *history, uint64_t sequence) {
        const EndedJob *entry = history->jobs[sequence % JOB_HISTORY_MAX];

        return entry && entry->sequence == sequence ? entry : NULL;
}

void job_history_done(JobHistory *history) {
        for (size_t i = 0; i < JOB_HISTORY_MAX; i++)
                history->jobs[i] = ended_job_free(history->jobs[i]);
}
