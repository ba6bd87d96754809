/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon.h"
#include "policy/vf-plan.h"

/* A host with a network card that supports VFs. */

#define PF "0000:07:00.0"
#define VF(number) "0000:07:10." #number
#define BIG_PF "0000:20:00.0"
#define NARROW_PF "0000:40:00.0" /* its VFs are in its own group */

typedef struct VfRequest {
        const char *pf;
        unsigned count;
        VfFate fate;
        unsigned overrides;
} VfRequest;

Host *vfs_host(void);

/* Plans with the model and starts the job, as on the bus. Returns the result of the plan or of job_start(). */
int vfs_begin(Daemon *daemon, const VfRequest *request, Answer *answer, Problem *problem);
void vfs_must_begin(Daemon *daemon, const VfRequest *request, Answer *answer);

/* Starts the job, waits for the answer, and expects this outcome, also if the start is refused. Returns the message,
 * or the changes after a success; the caller frees it. */
char *vfs_set(Daemon *daemon, const VfRequest *request, Outcome expected);
/* The same if the answer does not matter. */
void vfs_must_set(Daemon *daemon, const VfRequest *request, Outcome expected);

/* Sets the number of VFs, whatever it was before. */
void vfs_ensure(Daemon *daemon, const VfRequest *request);

/* The number in the kernel. */
unsigned vfs_count(Host *host, const char *pf);
void assert_autoprobe(Host *host, const char *pf, bool expected);
/* Checks the number of VFs and that each is on this driver (NULL for none). */
void assert_vfs(Host *host, const char *pf, unsigned count, const char *driver);
