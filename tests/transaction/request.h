/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon.h"

/* A request on the bus with its options, and its result. */

typedef struct Request {
        PlanVerb verb;
        const char *selector;
        unsigned overrides;   /* mask of 1 << Guard */
        uint64_t fingerprint; /* 0 for none */
        bool force, adopt;
        bool only_plan;
} Request;

typedef struct Reply {
        Answer answer;
        char *findings; /* one line each: "GUARD ADDRESS EVIDENCE" */
        uint64_t fingerprint;
} Reply;

void reply_done(Reply *reply);
#define _cleanup_reply_ _cleanup_(reply_done)

/* Plans with the model and starts the job, as bus/operation.c does, with consent to companions. Returns the result
 * of the plan or of job_start(). */
int request_begin(Daemon *daemon, const Request *request, Reply *reply, Problem *problem);
/* The same; it must start. */
void request_must_begin(Daemon *daemon, const Request *request, Reply *reply);

/* Starts the job, waits for the answer, and expects this outcome. */
void request_run(Daemon *daemon, const Request *request, Outcome expected, Reply *reply);
/* The same if the answer does not matter. */
void request_move(Daemon *daemon, const Request *request, Outcome expected);

/* The only running job. */
Job *daemon_job(Daemon *daemon);
JobState daemon_job_state(Daemon *daemon);
