/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"

/* Workers that an earlier life of the daemon left behind: each still holds the lock on its record, and finishes what it began, or sleeps in
 * the kernel. Their devices are "changing", or after the deadline for a step "stuck", and nobody else touches them until the lock is gone. */

typedef struct OrphanWatch OrphanWatch;

/* Looks for locked records and watches them; what an orphan leaves in between when it dies is given back by a job. Borrows all three. Returns 0
 * or a negative errno. */
int orphan_watch_new(sd_event *event, const Kernel *kernel, Inventory *inventory, Journal *journal, JobTable *jobs,
                const JobLimits *limits, OrphanWatch **ret);
OrphanWatch *orphan_watch_free(OrphanWatch *watch);
DEFINE_TRIVIAL_CLEANUP_FUNC(OrphanWatch *, orphan_watch_free)
