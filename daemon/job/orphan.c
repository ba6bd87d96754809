/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/orphan.h"
#include "base/log.h"
#include "model/scan.h"

#include <sys/inotify.h>

struct OrphanWatch {
        const Kernel *kernel;
        Inventory *inventory;
        Journal *journal;
        JobTable *jobs;
        sd_event_source *source;
        PciAddress *addresses; /* of the devices that orphans are at work on */
        size_t n_addresses;
};

static bool is_locked(const Journal *journal, PciAddress address) {
        for (size_t i = 0; i < journal->n_records; i++)
                if (journal->locked[i] && record_find(journal->records[i], address))
                        return true;
        return false;
}

static int remember_locked(OrphanWatch *watch) {
        const Journal *journal = watch->journal;
        size_t n = 0;

        for (size_t i = 0; i < journal->n_records; i++)
                n += journal->locked[i] ? journal->records[i]->n_members : 0;
        watch->addresses = calloc(n + 1, sizeof(PciAddress));
        if (!watch->addresses)
                return -ENOMEM;
        for (size_t i = 0; i < journal->n_records; i++)
                for (size_t m = 0; journal->locked[i] && m < journal->records[i]->n_members; m++)
                        watch->addresses[watch->n_addresses++] = journal->records[i]->members[m].address;
        return 0;
}

/* The orphan has ended: its devices are as it left them. */
static int release(OrphanWatch *watch, size_t i) {
        PciAddress address = watch->addresses[i];
        int r;

        watch->addresses[i] = watch->addresses[--watch->n_addresses];
        if ((r = inventory_set_activity(watch->inventory, address, DEVICE_QUIET)) < 0)
                return r;
        return scan_device(watch->kernel, watch->inventory, address);
}

/* A file in the state folder was closed by its writer, or is gone: a lock may be. */
static int on_folder(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        OrphanWatch *watch = userdata;

        (void)event;
        int r = journal_load(watch->journal);
        if (r >= 0)
                r = journal_apply(watch->journal, watch->inventory);
        for (size_t i = watch->n_addresses; i > 0 && r >= 0; i--)
                if (!is_locked(watch->journal, watch->addresses[i - 1]))
                        r = release(watch, i - 1);
        if (r >= 0)
                r = job_recover(watch->jobs);
        if (r < 0)
                log_error_errno(r, "Cannot look at the records that an earlier daemon left");
        if (watch->n_addresses == 0)
                watch->source = sd_event_source_disable_unref(source);
        return 0;
}

int orphan_watch_new(sd_event *event, const Kernel *kernel, Inventory *inventory, Journal *journal, JobTable *jobs,
                OrphanWatch **ret) {
        _cleanup_(orphan_watch_freep) OrphanWatch *watch = malloc(sizeof(OrphanWatch));
        int r;

        if (!watch)
                return -ENOMEM;
        *watch = (OrphanWatch){.kernel = kernel, .inventory = inventory, .journal = journal, .jobs = jobs};

        /* The watch comes before the look at the locks: none is let go of in between. */
        if ((r = sd_event_add_inotify_fd(event, &watch->source, journal->state_fd,
                             IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_TO, on_folder, watch)) < 0 ||
                        (r = journal_load(journal)) < 0 || (r = remember_locked(watch)) < 0)
                return r;
        if (watch->n_addresses == 0)
                watch->source = sd_event_source_disable_unref(watch->source);
        for (size_t i = 0; i < watch->n_addresses && r >= 0; i++) {
                log_notice("A worker of an earlier daemon is still at work on %s.",
                                PCI_ADDRESS_TEXT(watch->addresses[i]));
                r = inventory_set_activity(inventory, watch->addresses[i], DEVICE_WORKED_ON);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

OrphanWatch *orphan_watch_free(OrphanWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->source);
        free(watch->addresses);
        free(watch);
        return NULL;
}
