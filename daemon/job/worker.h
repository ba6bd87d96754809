/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process/job-message.h"

/* A worker process, which carries out a plan: a write to the kernel may block for ever, and the daemon, which may not
 * write there, must go on. As soon as the transaction is on disk, the worker runs on when the daemon ends, and finishes
 * what it began. Before, it ends with the daemon, because the next daemon would not find it. */

typedef struct Worker Worker;

/* How to reach vfiod-worker. */
typedef struct WorkerPort {
        int (*connect)(void *userdata); /* returns a connected descriptor or a negative errno */
        void *userdata;
        struct WorkerRequest *requests; /* of worker-request.c: not answered yet */
} WorkerPort;

/* Called once, when the worker has reported its end; or when it ended without a report, with the error -EPIPE. The
 * callback may take what the result holds, and then leaves the result empty. It may free the worker. */
typedef void (*worker_done_t)(WorkerResult *result, void *userdata);

/* Called before each step; holder names the process that the step waits for, "" for none. */
typedef void (*worker_progress_t)(size_t step, const char *holder, void *userdata);

/* Starts a worker for a plan. number is that of the file in transactions/. The caller frees the worker, which abandons
 * a process that still runs. Returns 0 or a negative errno: that of WorkerPort.connect() if no worker can be
 * reached. */
int worker_new(sd_event *event, const WorkerPort *port, unsigned long number, const Plan *plan,
                worker_progress_t progress, worker_done_t done, void *userdata, Worker **ret);

/* Asks the process to undo its changes before its next step. Returns 0; -EPIPE if it is about to end; or another
 * negative errno. */
int worker_cancel(Worker *worker);
Worker *worker_free(Worker *worker);
DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free)
