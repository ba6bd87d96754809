/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"

/* Workers that an earlier daemon started, and that still carry out their transactions: each finishes what it began, or waits in
 * the kernel. Their devices are "changing", or after the deadline for a step "stuck", and nobody else changes them until the
 * worker has ended. */

typedef struct OrphanWatch OrphanWatch;

/* Finds the workers by the locks on their transactions, and waits for each by its pidfd. A transaction that a worker leaves
 * unfinished when it ends is recovered by a job. Borrows what it gets, but for the limits. Returns 0 or a negative errno. */
int orphan_watch_new(sd_event *event, const Kernel *kernel, Inventory *inventory, State *state, JobTable *jobs,
                const JobLimits *limits, OrphanWatch **ret);
OrphanWatch *orphan_watch_free(OrphanWatch *watch);
DEFINE_TRIVIAL_CLEANUP_FUNC(OrphanWatch *, orphan_watch_free)
