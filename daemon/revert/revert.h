/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include "job/census.h"
#include "job/job.h"
#include "job/worker-request.h"

/* Reverts: a group that was detached for a trial goes back to the host at a deadline, unless somebody confirms the detach before.
 *
 * A worker writes a file (state/revert-file.h) before the devices are detached. So the revert also comes if vfiod, or the program that
 * asked for it, does not run any more: the next vfiod continues it. The deadline is in CLOCK_BOOTTIME, which continues while the host
 * sleeps and does not jump. At the deadline, vfiod waits until no process has the devices open, and then reattaches them. If that fails,
 * it tries again. A revert ends when it is confirmed, or when no device of it is detached any more, whoever reattached them. */

typedef struct Revert Revert;
typedef struct RevertTable RevertTable;

/* The limits of reverts; tests shorten the times. */
typedef struct RevertLimits {
        QuotaLimits reverts;
        uint64_t retry_min_us; /* After a failure, the next attempt comes after this time, */
        uint64_t retry_max_us; /* then after twice as long each time, up to this, */
        uint64_t fault_max_us; /* or up to this if a reattach has begun and failed. */
} RevertLimits;

extern const RevertLimits revert_limits_default;

typedef struct RevertParts {
        sd_event *event; /* all of these are borrowed and must outlive the table */
        const Kernel *kernel;
        Inventory *inventory;
        State *state;
        JobTable *jobs;
        WorkerPort *port;
        CensusTable *censuses;
        const RevertLimits *limits;
} RevertParts;

/* Reads the reverts of an earlier daemon, and continues them. To be called after job_recover(). Returns 0 or a negative errno. */
int revert_table_new(const RevertParts *parts, RevertTable **ret);

/* From now on, the table starts nothing and removes no file. To be called when vfiod ends, before the jobs are freed. NULL is ignored. */
void revert_table_stop(RevertTable *table);

/* Forgets all reverts, which the next daemon continues. To be freed after the jobs, and after the requests to workers. Returns NULL. */
RevertTable *revert_table_free(RevertTable *table);
DEFINE_TRIVIAL_CLEANUP_FUNC(RevertTable *, revert_table_free)

/* What somebody asks for. */
typedef struct RevertWish {
        uid_t uid;
        uint64_t after_us;       /* from now */
        const Group *group;      /* all its endpoints are reattached */
        Plan *plan;              /* that detaches the group; taken over, also on failure */
        const char *caller;      /* for the log */
        const LogFields *fields; /* for the log: copied */
        void (*started)(const Job *job,
                        void *userdata); /* called when the job has started, before done(); NULL for none */
        job_done_t done; /* called once, later: with the result of the job, or with the reason why it did not start */
        void *userdata;
} RevertWish;

/* Detaches the group by a job, and sets the deadline of its revert. Returns 0; BUSY if a revert of these devices is pending; an outcome of
 * the quota; or a negative errno. Then no callback is called. */
int revert_start(RevertTable *table, const RevertWish *wish, Problem *problem);

/* Called once, later, with 0 or a negative errno; -ECANCELED if vfiod ends. */
typedef void (*revert_changed_t)(int error, void *userdata);

/* Sets another deadline of a pending revert. Returns 0; BUSY if it is just changing or the devices go back already; or a negative errno.
 * Then changed() is not called. */
int revert_move(Revert *revert, uint64_t after_us, revert_changed_t changed, void *userdata, Problem *problem);

/* Ends the revert: the devices stay detached. Returns as revert_move() does; also BUSY while the detach still runs. */
int revert_confirm(Revert *revert, revert_changed_t changed, void *userdata, Problem *problem);

/* Ends reverts whose devices are not detached any more. To be called once per turn, before the changes of the inventory are taken. */
void revert_table_process(RevertTable *table);

/* What the bus shows of reverts. */
typedef struct RevertDescription {
        unsigned number;
        uid_t uid;
        uint64_t at_us;  /* CLOCK_BOOTTIME */
        int group;       /* IOMMU_GROUP_NONE while no device is present */
        Outcome outcome; /* why the devices are not back although the deadline has passed; OUTCOME_DONE for no reason */
        const char *waits_for; /* the same in words, which may name processes; "" for no reason */
        const PciAddress *addresses;
        size_t n_addresses;
} RevertDescription;

/* The description is valid until the next turn of the loop. */
RevertDescription revert_describe(const Revert *revert);

/* Find the revert of a group, or of a device. NULL for none. */
Revert *revert_find_group(const RevertTable *table, int group);
Revert *revert_find_device(const RevertTable *table, PciAddress address);
Revert *revert_next(const RevertTable *table, const Revert *previous);

/* The same, but also finds reverts whose detach still runs. */
Revert *revert_next_live(const RevertTable *table, const Revert *previous);

/* Called when the revert of the group was added, has changed, or was removed. */
typedef void (*revert_watch_t)(int group, void *userdata);
void revert_table_watch(RevertTable *table, revert_watch_t watch, void *userdata);
