/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon.h"
#include "policy/vf-plan.h"

/* A host whose network card has virtual functions. */

#define PF "0000:07:00.0"
#define VF(number) "0000:07:10." #number
#define BIG_PF "0000:20:00.0"
#define NARROW_PF "0000:40:00.0" /* its functions are in its own group */

typedef struct FunctionRequest {
        const char *physical;
        unsigned count;
        VfFate fate;
        unsigned overrides;
} FunctionRequest;

Host *functions_host(void);

/* Planned over the model and started, as the bus does it. Returns what the plan or job_start() comes to. */
int functions_begin(Daemon *daemon, const FunctionRequest *request, Answer *answer, Problem *problem);
void functions_must_begin(Daemon *daemon, const FunctionRequest *request, Answer *answer);

/* Begins, waits for the answer, expects that outcome; of a refusal to begin as well. The message, or the changes of a success, to be freed. */
char *functions_set(Daemon *daemon, const FunctionRequest *request, Outcome expected);
/* The same where the answer is of no interest. */
void functions_must_set(Daemon *daemon, const FunctionRequest *request, Outcome expected);

/* So that it is so, whatever was there. */
void functions_ensure(Daemon *daemon, const FunctionRequest *request);

/* As the kernel has it. */
unsigned functions_count(Host *host, const char *physical);
void assert_autoprobe(Host *host, const char *physical, bool expected);
/* So many, each on that driver (NULL for none). */
void assert_functions(Host *host, const char *physical, unsigned count, const char *driver);
