/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/transaction.h"
#include <systemd/sd-event.h>

/* A process of its own for a transaction: what it writes may never come back, and the daemon must go on. It is never killed and never waited
 * for; once it has written its record it outlives the daemon if it must, and finishes what it began: before that it ends with the daemon, since the next
 * one would not know of it. It keeps nothing of the daemon open but the kernel's folders and the
 * state folder: above all not the bus, whose name would stay taken. */

typedef struct Worker Worker;

typedef struct WorkerResult {
        int error;       /* negative errno, or 0 */
        Problem problem; /* OUTCOME_DONE for success */
        TransactionReport report;
} WorkerResult;

void worker_result_done(WorkerResult *result);

/* Told once, when the worker has reported its end; or has ended without a word, which is error -EPIPE. What result holds is
 * the callee's for the time of the call, unless it takes it and leaves the result empty. */
typedef void (*worker_done_t)(Worker *worker, WorkerResult *result, void *userdata);

/* Told before each step; holder names the process that the step waits for, "" for none. */
typedef void (*worker_progress_t)(Worker *worker, size_t step, const char *holder, void *userdata);

/* Starts it. The transaction is copied with the process; its progress function is replaced. Returns 0 or a negative errno. The caller frees the
 * worker, which abandons the process where it still runs. */
int worker_new(sd_event *event, const Transaction *transaction, worker_progress_t progress, worker_done_t done,
                void *userdata, Worker **ret);
/* Asks the process to undo what it did, at its next step. Returns 0 or a negative errno. */
int worker_cancel(Worker *worker);
Worker *worker_free(Worker *worker);
DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free)
