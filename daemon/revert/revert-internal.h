/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "revert/revert.h"

/* Shared only by the files of this room. */

typedef enum RevertState {
        REVERT_RECORDING, /* a worker writes the file, before the job starts */
        REVERT_DETACHING, /* the job runs */
        REVERT_PENDING,   /* it waits for the deadline */
        REVERT_DUE,       /* the deadline has passed: the devices go back as soon as possible */
} RevertState;

struct Revert {
        Revert *next;
        RevertTable *table;
        unsigned number;
        uid_t uid;
        uint64_t at_us;     /* CLOCK_BOOTTIME */
        uint64_t detach;    /* see RevertFile */
        uint64_t new_at_us; /* that a worker writes now */
        int group;          /* as in RevertDescription */
        PciAddress *addresses;
        size_t n_addresses;
        RevertState state;
        bool waits;             /* a worker, a job or a census works for the revert, and its callback continues */
        bool reattaches;        /* this is a job */
        bool is_over;           /* its file is being removed; a revert that is confirmed is not over before that */
        sd_event_source *timer; /* the deadline, or the next attempt */
        int holder_fd;          /* pidfd of a process that the revert waits for */
        sd_event_source *holder_source;
        Problem obstacle;  /* why the last attempt failed */
        size_t n_tried;    /* devices that the attempt has tried to reattach */
        uint64_t retry_us; /* how long the next attempt waits */
        Plan *plan;        /* of a revert that is being recorded */
        char *caller;
        LogFields fields;
        void (*started)(const Job *job, void *userdata);
        job_done_t done; /* NULL once it was called */
        void *userdata;
        revert_changed_t changed; /* NULL for none */
        void *changed_userdata;
};

struct RevertTable {
        RevertParts parts;
        Revert *reverts;
        unsigned next_number;
        bool is_ending;
        revert_watch_t watch; /* NULL for nobody */
        void *watch_userdata;
};

/* The revert is found again by its number, because it may be gone. */
typedef struct RevertCall {
        RevertTable *table;
        unsigned number;
} RevertCall;

/* revert.c */

/* Returns the revert; NULL if it is gone, or if vfiod ends. */
Revert *revert_of_call(const RevertCall *call);
RevertCall *revert_call_new(const Revert *revert);

/* Makes a revert that is not in the table yet. Returns 0 or -ENOMEM. */
int revert_new(RevertTable *table, unsigned number, Revert **ret);

/* Adds it, and announces it. */
void revert_add(Revert *revert);
Revert *revert_free(Revert *revert);
DEFINE_TRIVIAL_CLEANUP_FUNC(Revert *, revert_free)

/* The next number after this one that is valid. */
unsigned revert_following_number(unsigned number);

void revert_announce(const Revert *revert);

/* Sets the group that its devices have now, and announces a change. */
void revert_update_group(Revert *revert);

/* Tells whether the device is detached by the detach that the revert undoes, and by no later one. */
bool revert_has_detached(const Revert *revert, const Device *device);

/* Tells whether a device of the revert is so, or a job works on one. */
bool revert_is_needed(const Revert *revert);

/* Does not wait for a process any more. */
void revert_forget_holder(Revert *revert);

/* Asks a worker to remove the file. Then the revert is over. Tries again after a failure. */
void revert_end(Revert *revert);

/* Runs this after retry_us, and doubles that up to max. */
void revert_retry_later(Revert *revert, uint64_t max, sd_event_time_handler_t handler);

/* revert-run.c */

/* Waits for the deadline. */
void revert_arm(Revert *revert);

/* Reattaches the devices as soon as possible. */
void revert_run(Revert *revert);

/* revert-restore.c */

/* Reads the files of the reverts of an earlier daemon. Returns 0 or a negative errno. */
int revert_restore_all(RevertTable *table);

/* revert-log.c: a deadline was set or moved; the deadline has passed; something prevents the reattach; somebody confirmed. */
void revert_log_set(const Revert *revert);
void revert_log_due(const Revert *revert);
void revert_log_obstacle(const Revert *revert);
void revert_log_confirmed(const Revert *revert);
