/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/transaction.h"
#include <systemd/sd-event.h>

/* A process of its own for a transaction: what it writes may never come back, and the daemon must go on. The daemon never kills it
 * and never waits for it. Once its transaction is on disk it outlives the daemon if it must, and finishes what it began. Before
 * that it ends with the daemon, since the next daemon would not know of it. It keeps nothing of the daemon open but the kernel's
 * folders and the state folder: above all not the bus, whose name would stay taken. */

typedef struct Worker Worker;

typedef struct WorkerResult {
        int error;       /* negative errno, or 0 */
        Problem problem; /* OUTCOME_DONE for success */
        Report report;
} WorkerResult;

void worker_result_done(WorkerResult *result);

/* Called once, when the worker has reported its end; or when it ended without a report, with the error -EPIPE. The callee may take
 * what the result holds, and then leaves the result empty. */
typedef void (*worker_done_t)(Worker *worker, WorkerResult *result, void *userdata);

/* Called before each step; holder names the process that the step waits for, "" for none. */
typedef void (*worker_progress_t)(Worker *worker, size_t step, const char *holder, void *userdata);

/* Starts the process. The transaction is copied with it; its callbacks are replaced. Returns 0 or a negative errno. The caller
 * frees the worker, which abandons a process that still runs. */
int worker_new(sd_event *event, const Transaction *transaction, worker_progress_t progress, worker_done_t done,
                void *userdata, Worker **ret);
/* Asks the process to undo what it did, at its next step. Returns 0 or a negative errno. */
int worker_cancel(Worker *worker);
Worker *worker_free(Worker *worker);
DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free)
