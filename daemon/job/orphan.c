/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/orphan.h"
#include "base/log.h"
#include "model/scan.h"

#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)

/* A lock tells nobody when it goes: while there are orphans, and only then, it is looked at so often. */
#define LOOK_INTERVAL_US (USEC_PER_SEC / 2)

/* A device that a worker of an earlier daemon is at work on. */
typedef struct Orphan {
        PciAddress address;
        uint64_t stuck_after_us;
} Orphan;

struct OrphanWatch {
        const Kernel *kernel;
        Inventory *inventory;
        Journal *journal;
        JobTable *jobs;
        sd_event_source *timer;
        uint64_t waited_us;
        Orphan *orphans;
        size_t n_orphans;
};

static bool is_locked(const Journal *journal, PciAddress address) {
        for (size_t i = 0; i < journal->n_records; i++)
                if (journal->locked[i] &&
                                (record_find(journal->records[i], address) ||
                                                (journal->records[i]->functions &&
                                                                function_record_is_about(journal->records[i]->functions,
                                                                                address))))
                        return true;
        return false;
}

static void remember(OrphanWatch *watch, PciAddress address, uint64_t stuck_after_us) {
        watch->orphans[watch->n_orphans++] = (Orphan){.address = address, .stuck_after_us = stuck_after_us};
}

static size_t count_devices(const Record *record) {
        return record->n_members + (record->functions ? 1 + record->functions->n_before : 0);
}

static int remember_locked(OrphanWatch *watch, const JobLimits *limits) {
        const Journal *journal = watch->journal;
        size_t n = 0;

        for (size_t i = 0; i < journal->n_records; i++)
                n += journal->locked[i] ? count_devices(journal->records[i]) : 0;
        watch->orphans = calloc(n + 1, sizeof(Orphan));
        if (!watch->orphans)
                return -ENOMEM;
        for (size_t i = 0; i < journal->n_records; i++) {
                const Record *record = journal->records[i];
                const FunctionRecord *functions = record->functions;
                uint64_t stuck_after_us = record->forced ? limits->held_deadline_us : limits->step_deadline_us;

                if (!journal->locked[i])
                        continue;
                for (size_t m = 0; m < record->n_members; m++)
                        remember(watch, record->members[m].address, stuck_after_us);
                if (functions)
                        remember(watch, functions->physical, stuck_after_us);
                for (size_t m = 0; functions && m < functions->n_before; m++)
                        remember(watch, functions->before[m].address, stuck_after_us);
        }
        return 0;
}

/* The orphan has ended: its devices are as it left them. */
static int release(OrphanWatch *watch, size_t i) {
        PciAddress address = watch->orphans[i].address;
        int r;

        watch->orphans[i] = watch->orphans[--watch->n_orphans];
        if ((r = inventory_set_activity(watch->inventory, address, DEVICE_QUIET)) < 0)
                return r;
        return scan_device(watch->kernel, watch->inventory, address);
}

/* Takes over what orphans have let go of. */
static int look(OrphanWatch *watch) {
        size_t n_before = watch->n_orphans;
        int r;

        if ((r = journal_load(watch->journal)) < 0 || (r = journal_apply(watch->journal, watch->inventory)) < 0)
                return r;
        for (size_t i = watch->n_orphans; i > 0 && r >= 0; i--)
                if (!is_locked(watch->journal, watch->orphans[i - 1].address))
                        r = release(watch, i - 1);
        if (r >= 0 && watch->n_orphans < n_before)
                r = job_recover(watch->jobs);
        return r;
}

/* Nobody else will hear when such a worker comes back from the kernel, or that it does not. */
static int set_activities(const OrphanWatch *watch) {
        int r = 0;

        for (size_t i = 0; i < watch->n_orphans && r >= 0; i++)
                r = inventory_set_activity(watch->inventory, watch->orphans[i].address,
                                watch->waited_us >= watch->orphans[i].stuck_after_us ? DEVICE_WAITED_FOR
                                                                                     : DEVICE_WORKED_ON);
        return r;
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata) {
        OrphanWatch *watch = userdata;

        int r = look(watch);
        watch->waited_us += LOOK_INTERVAL_US;
        if (r >= 0)
                r = set_activities(watch);
        if (r < 0)
                log_error_errno(r, "Cannot look at the records that an earlier daemon left");
        if (watch->n_orphans == 0)
                return 0;
        if ((r = sd_event_source_set_time(source, now + LOOK_INTERVAL_US)) < 0)
                return r;
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int orphan_watch_new(sd_event *event, const Kernel *kernel, Inventory *inventory, Journal *journal, JobTable *jobs,
                const JobLimits *limits, OrphanWatch **ret) {
        _cleanup_(orphan_watch_freep) OrphanWatch *watch = malloc(sizeof(OrphanWatch));
        int r;

        if (!watch)
                return -ENOMEM;
        *watch = (OrphanWatch){
                        .kernel = kernel,
                        .inventory = inventory,
                        .journal = journal,
                        .jobs = jobs,
        };
        if ((r = remember_locked(watch, limits)) < 0 || (r = set_activities(watch)) < 0)
                return r;
        for (size_t i = 0; i < watch->n_orphans; i++)
                log_notice("A worker of an earlier daemon is still at work on %s.",
                                PCI_ADDRESS_TEXT(watch->orphans[i].address));
        if (watch->n_orphans > 0 &&
                        (r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, LOOK_INTERVAL_US, 0,
                                         on_timer, watch)) < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

OrphanWatch *orphan_watch_free(OrphanWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->timer);
        free(watch->orphans);
        free(watch);
        return NULL;
}
