/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/record.h"
#include "policy/plan.h"

/* A plan carried out: all of it, or nothing. Runs in a worker process, since each write (and the reads of driver_override) may not
 * come back. */

/* A device that ended on another driver than it began on. */
typedef struct TransactionChange {
        PciAddress address;
        char driver_before[DRIVER_NAME_MAX]; /* "" for none */
        char driver_after[DRIVER_NAME_MAX];
} TransactionChange;

/* Called before each step, so that the daemon knows what the worker waits for. */
typedef void (*transaction_progress_t)(const Plan *plan, size_t step, void *userdata);

typedef struct Transaction {
        const Kernel *kernel;
        int state_fd;
        const Plan *plan;
        Record *record; /* to be written: with the devices that it shall keep, as they are; the plan's are added */
        const unsigned long *superseded; /* records that this one replaces */
        size_t n_superseded;
        transaction_progress_t progress;
        void *progress_userdata;
} Transaction;

/* Carries the plan out. Returns 0 and the changes, to be freed, in the order of the addresses; or, nothing having been written, IDENTITY_CHANGED,
 * NO_SUCH_DEVICE, HELD, FOREIGN, DRIVER_UNAVAILABLE, FAILED; or ROLLED_BACK when a step failed and all is as before; or DEGRADED when not,
 * and the message says what remains; or -ENOMEM before anything was written. */
int transaction_run(Transaction *transaction, TransactionChange **ret_changes, size_t *ret_n_changes, Problem *problem);
