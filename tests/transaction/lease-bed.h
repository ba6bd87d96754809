/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lease/lease.h"
#include "policy/plan.h"
#include "request.h"

/* A table of leases on a daemon without the bus. No timer of a lease elapses. */

/* The caller frees it. store and censuses may be NULL. */
LeaseTable *lease_bed_start(const Daemon *daemon, DescriptorStore *store);
LeaseTable *lease_bed_start_with(const Daemon *daemon, DescriptorStore *store, CensusTable *censuses);

/* The same with a listening socket, which it takes over. */
LeaseTable *lease_bed_start_socket(const Daemon *daemon, int socket_fd);

/* Starts a lease of the group of this device, which must be on its host driver; the next, of a group that is detached. The lease
 * is bound to a process that does not end. Each answer is counted. Return the result of lease_start(). */
int lease_bed_begin(Daemon *daemon, LeaseTable *table, const char *selector, unsigned *n_answers, Problem *problem);
int lease_bed_begin_detached(Daemon *daemon, LeaseTable *table, const char *selector, bool descriptors,
                unsigned *n_answers, Problem *problem);

/* A condition for daemon_run_until(): what is the number of answers. */
bool lease_bed_is_answered(Daemon *daemon, const void *what);

/* Locks the folder of leases. Workers that change a lease wait until the caller closes the descriptor. */
int lease_bed_lock(const Host *host);

/* The socket of vfiod-census. A search waits until slow_census_answer() serves the oldest connection. */
typedef struct SlowCensus {
        CensusTable table;
        char *path;
        int listener;
} SlowCensus;

void slow_census_begin(SlowCensus *census, Daemon *daemon);
void slow_census_end(SlowCensus *census);
void slow_census_answer(const SlowCensus *census, Daemon *daemon);

/* A condition for daemon_run_until(): somebody waits. */
bool slow_census_is_asked(Daemon *daemon, const void *what);
