/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/transaction.h"
#include <systemd/sd-event.h>

/* A child process that carries out a transaction: a write to the kernel may block for ever, and the daemon must go
 * on. As soon as the transaction is on disk, the worker runs on when the daemon ends, and finishes what it began.
 * Before, it ends with the daemon, because the next daemon would not find it. */

typedef struct Worker Worker;

typedef struct WorkerResult {
        int error;       /* negative errno, or 0 */
        Problem problem; /* OUTCOME_DONE for success */
        Report report;
} WorkerResult;

void worker_result_done(WorkerResult *result);

/* Called once, when the worker has reported its end; or when it ended without a report, with the error -EPIPE. The
 * callback may take what the result holds, and then leaves the result empty. It may free the worker. */
typedef void (*worker_done_t)(WorkerResult *result, void *userdata);

/* Called before each step; holder names the process that the step waits for, "" for none. */
typedef void (*worker_progress_t)(size_t step, const char *holder, void *userdata);

/* Starts the process with a copy of the transaction, whose callbacks are replaced. The caller frees the worker,
 * which abandons a process that still runs. Returns 0 or a negative errno. */
int worker_new(sd_event *event, const Transaction *transaction, worker_progress_t progress, worker_done_t done,
                void *userdata, Worker **ret);

/* Asks the process to undo its changes before its next step. Returns 0; -EPIPE if it is about to end; or another
 * negative errno. */
int worker_cancel(Worker *worker);
Worker *worker_free(Worker *worker);
DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free)
