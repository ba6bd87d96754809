/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"

/* What the files job*.c share, and nobody else. */

struct Job {
        Job *next;
        JobTable *table;
        unsigned long number;
        Plan *plan;
        PlanVerb verb; /* that was asked for: a recovery has a plan of its own */
        Plan *asked;   /* that such a one took the place of; NULL for none */
        char *caller;
        Record *record; /* given to the worker */
        Worker *worker;
        sd_event_source *timer;
        size_t step;  /* that the worker is at */
        char *holder; /* process that the step waits for; NULL for none */
        bool begun;   /* the worker has looked, and does the steps */
        bool stuck;
        bool cancelled;      /* the worker was asked to undo */
        uint64_t started_us; /* CLOCK_REALTIME */
        bool recovering;     /* gives back what a worker that died left */
        bool was_recorded; /* and of that not all was with the host when the job began; or all virtual functions were made */
        bool settled;      /* of virtual functions: its record said that all is done */
        WorkerResult result; /* of a reattach that waits for its names */
        bool waits_for_names;
        job_done_t done; /* NULL once it was called */
        void *userdata;
};

struct JobTable {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        Journal *journal;
        JobLimits limits;
        Job *jobs;
        size_t n_jobs; /* without plans that only look, which are in the same list */
        unsigned long next_job;
        job_watch_t watch; /* NULL for nobody */
        void *watch_userdata;
};

/* Tells whoever watches. */
void job_announce(const Job *job, JobEvent event);

/* Starts the worker for the job's plan. Returns 0 or a negative errno. */
int job_start_worker(Job *job);

/* Gives up the worker, and starts another for what its record says is to be given back. Returns 0; -ENOENT where there is nothing, or where it
 * is gone; another negative errno. The journal has been read anew. */
int job_recover_own(Job *job);

/* How a job ended whose worker died and left something, which was given back or was not. Fills the result anew. Returns 0, its outcome, or a
 * negative errno. */
int job_conclude_recovery(const Job *job, WorkerResult *result, bool given_back);

/* How a job ended whose worker died and left nothing to give back: all was done, or nothing was begun, or the devices are gone. Fills the
 * result. Returns 0, its outcome, or a negative errno. */
int job_conclude(const Job *job, WorkerResult *result);

/* The members' activity, told to the inventory. What fails here is memory; the next look mends it. */
void job_set_activity(const Job *job, DeviceActivity activity);

/* Reads records and devices anew, at the end of a job. Returns 0 or a negative errno, which was logged. */
int job_look_again(const Job *job);
