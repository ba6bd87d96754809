/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job-internal.h"

/* Jobs for virtual functions, as far as they are unlike others: what stands in the journal, and what follows when a worker died. */

/* As intent_make_record(). The numbers after the record's own stay free for the new functions: as many as there shall be. */
int function_job_make_record(Journal *journal, const Plan *plan, Record **ret, unsigned long **ret_superseded,
                size_t *ret_n_superseded);

/* Forgets the functions that were there before one of these jobs, where it is done or its card is gone, and its record. Returns 0 or a negative errno. */
int function_job_settle(Journal *journal, const Inventory *inventory);

/* Settles, and looks which functions there are now. Returns 0 or a negative errno. */
int function_job_look(const Job *job);

/* Says in the log how the job of that number ended: in one line, as there may be hundreds of functions. */
void function_job_log_end(const Job *job, const WorkerResult *result, const char *number);

/* As job_recover() for one record; and the counterparts of job_recover_own(), job_conclude_recovery() and job_conclude(). */
int function_job_recover(JobTable *table, size_t i);
int function_job_recover_own(Job *job);
int function_job_conclude_recovery(const Job *job, WorkerResult *result, bool restored);
int function_job_conclude(const Job *job, WorkerResult *result);
