/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon.h"

/* What a caller of the bus asks for, with its options, and what comes of it. */

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
        char *findings; /* a line each: "GUARD ADDRESS EVIDENCE" */
        uint64_t fingerprint;
} Reply;

void reply_done(Reply *reply);
#define _cleanup_reply_ _cleanup_(reply_done)

/* Planned over the model and started, as bus/operation.c does it; companions are agreed to. Returns what the plan or job_start()
 * comes to. */
int request_begin(Daemon *daemon, const Request *request, Reply *reply, Problem *problem);
/* The same, must start. */
void request_must_begin(Daemon *daemon, const Request *request, Reply *reply);

/* Begins, waits for the answer, expects that outcome. */
void request_run(Daemon *daemon, const Request *request, Outcome expected, Reply *reply);
/* The same where the answer is of no interest. */
void request_move(Daemon *daemon, const Request *request, Outcome expected);

/* The only job that is under way. */
Job *daemon_job(Daemon *daemon);
JobState daemon_job_state(Daemon *daemon);
