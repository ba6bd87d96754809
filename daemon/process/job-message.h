/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/report.h"
#include "process/peer.h"

/* What the daemon and a worker tell each other about a job. The daemon tells which devices are to be changed, and how.
 * The worker makes the steps from that by itself, and reads from its own files how a device was bound before vfiod
 * detached it. So a daemon that somebody took over can only ask for what vfiod does anyway. */

typedef struct WorkerResult {
        int error;       /* negative errno, or 0 */
        Problem problem; /* OUTCOME_DONE for success */
        Report report;
} WorkerResult;

void worker_result_done(WorkerResult *result);

/* Append a plan, without its steps. Returns 0 or a negative errno. */
int job_message_append_plan(sd_bus_message *message, const Plan *plan);

/* Reads a plan, and makes its steps. devices_fd is the folder with the state files. Returns 0; NOT_DETACHED or FAILED
 * with a message if a state file is missing; -EBADMSG for a plan that the daemon cannot have made; or another negative
 * errno. The caller frees *ret. */
int job_message_read_plan(sd_bus_message *message, int devices_fd, Plan **ret, Problem *problem);

/* Append and read the result of a job. Return 0; -EBADMSG for a result that no worker reports; or another negative
 * errno. The caller of the second calls worker_result_done(), also after a failure. */
int job_message_append_result(sd_bus_message *message, const WorkerResult *result);
int job_message_read_result(sd_bus_message *message, WorkerResult *ret);
