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

/* Called before each step, so that the daemon knows what the worker waits for; holder names the process that it has to wait for, and is NULL
 * where there is none. */
typedef void (*transaction_progress_t)(const Plan *plan, size_t step, const char *holder, void *userdata);

/* Asked before each step: whether the work shall be undone instead. The last time is when all is done, or is to be undone anyhow: from
 * then on nobody can want it any more. */
typedef bool (*transaction_cancelled_t)(bool last, void *userdata);

/* What a plan comes to, beside what it changes. */
typedef struct TransactionReport {
        FindingList findings;
        uint64_t fingerprint; /* of all that the plan rests on; never 0 */
        TransactionChange *changes;
        size_t n_changes; /* in the order of the addresses */
} TransactionReport;

void transaction_report_done(TransactionReport *report);

/* Told once, when the record is on disk and nothing else is done yet: from then on the next daemon knows of the work. */
typedef void (*transaction_recorded_t)(void *userdata);

typedef struct Transaction {
        const Kernel *kernel;
        int state_fd;
        const Plan *plan;
        Record *record; /* to be written: with the devices that it shall keep, as they are; the plan's are added */
        const unsigned long *superseded; /* records that this one replaces */
        size_t n_superseded;
        transaction_progress_t progress;
        transaction_cancelled_t is_cancelled; /* NULL for one that cannot be */
        transaction_recorded_t recorded;      /* NULL where nobody wants to know */
        void *progress_userdata;
} Transaction;

/* Carries the plan out, or only looks where that is all that it asks for. Fills the report, also on failure as far as it got. Returns 0; or, nothing having been written, IDENTITY_CHANGED,
 * NO_SUCH_DEVICE, HELD, FOREIGN, PLAN_STALE, DRIVER_UNAVAILABLE, FAILED, or what a guard refuses with; or ROLLED_BACK when a step failed, or CANCELLED, and all is as before; or DEGRADED when not,
 * and the message says what remains; or -ENOMEM before anything was written. */
int transaction_run(Transaction *transaction, TransactionReport *report, Problem *problem);
