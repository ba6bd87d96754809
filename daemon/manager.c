/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manager.h"
#include "base/log.h"
#include "bus/notify.h"
#include "model/scan.h"

#include <malloc.h>

/* So many events are read in one turn, and then calls get theirs. */
#define EVENTS_A_TURN 256

static int rescan(Manager *manager) {
        int r = scan_all(manager->kernel, manager->inventory);
        if (r < 0)
                return log_error_errno(r, "Cannot read the PCI devices of the host");
        return 0;
}

static int on_uevents(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Manager *manager = userdata;

        (void)source, (void)fd, (void)events;
        for (unsigned i = 0; i < EVENTS_A_TURN; i++) {
                Uevent event;

                int r = manager->uevents->receive(manager->uevents, &event);
                if (r == 0)
                        return 0;
                if (r == -ENOBUFS) {
                        log_notice("Events of the kernel were lost: all devices are read anew.");
                        (void)rescan(manager);
                        continue;
                }
                if (r < 0) {
                        /* Deaf, the daemon would tell stale facts for ever. */
                        log_error_errno(r, "Cannot receive the kernel's events: vfiod ends, to be started anew");
                        return sd_event_exit(manager->event, r);
                }
                r = scan_event(manager->kernel, manager->inventory, &event);
                if (r < 0)
                        log_error_errno(r, "Cannot look where the event '%s' of %s points", event.action,
                                        event.devpath);
        }
        return 0;
}

/* Runs after every other source of a turn: what they changed goes out as one signal an object. */
static int on_turn_end(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        ChangeList changes;

        (void)source;
        /* First, since a job that ends here changes its devices once more. */
        job_look_at_names(manager->jobs);
        int r = journal_forget_rebound(manager->journal, manager->inventory);
        if (r < 0)
                log_error_errno(r, "Cannot forget devices that another hand gave back");
        inventory_take_changes(manager->inventory, &changes);
        if (changes.n_changes > 0) {
                r = notify_changes(&manager->service, &changes);
                if (r < 0)
                        log_error_errno(r, "Cannot signal what changed");
        }
        bool changed = changes.n_changes > 0;
        change_list_done(&changes);
        /* What events and jobs took in passing goes back to the system, or its scraps spread over the heap for good. */
        if (changed)
                (void)malloc_trim(0);
        return 0;
}

/* The records tell whose the devices are, the scan tells where they are. Nobody listens yet, so nothing is signalled. */
static int take_stock(Manager *manager, const ManagerParts *parts) {
        ChangeList changes;
        int r;

        if ((r = journal_new(parts->state_folder, &manager->journal)) < 0)
                return log_error_errno(r, "Cannot read the records in %s", parts->state_folder);
        if ((r = rescan(manager)) < 0)
                return r;
        if ((r = journal_apply(manager->journal, manager->inventory)) < 0 ||
                        (r = journal_forget_rebound(manager->journal, manager->inventory)) < 0)
                return log_error_errno(r, "Cannot apply the records in %s", parts->state_folder);
        inventory_take_changes(manager->inventory, &changes);
        change_list_done(&changes);
        return 0;
}

static int watch(Manager *manager) {
        int r;

        if ((r = sd_event_add_io(manager->event, &manager->uevent_source, manager->uevents->get_fd(manager->uevents),
                             EPOLLIN, on_uevents, manager)) < 0 ||
                        (r = sd_event_add_post(manager->event, &manager->post_source, on_turn_end, manager)) < 0)
                return log_error_errno(r, "Cannot watch the kernel's events");
        return 0;
}

static int serve(Manager *manager, sd_bus *bus) {
        int r;

        manager->service = (Service){
                        .bus = sd_bus_ref(bus),
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .jobs = manager->jobs,
                        .names = manager->names,
                        .censuses = &manager->censuses,
        };
        if ((r = service_publish(&manager->service)) < 0)
                return log_error_errno(r, "Cannot put the objects on the bus");
        /* Not at the end of the loop, as is the default: whoever waits for a job is answered after it, by manager_free(). */
        if ((r = sd_bus_set_close_on_exit(bus, false)) < 0)
                return log_error_errno(r, "Cannot keep the bus open until the end");
        if ((r = sd_bus_attach_event(bus, manager->event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return log_error_errno(r, "Cannot attach the bus to the loop");
        if ((r = sd_bus_request_name(bus, BUS_NAME, 0)) < 0)
                return log_error_errno(r, "Cannot get the name %s on the bus", BUS_NAME);
        return 0;
}

int manager_new(sd_event *event, const ManagerParts *parts, Manager **ret) {
        _cleanup_(kernel_freep) Kernel *kernel = parts->kernel;
        _cleanup_(uevent_source_freep) UeventSource *uevents = parts->uevents;
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(Manager));
        int r;

        if (!manager)
                return log_error_errno(-ENOMEM, "Cannot start");
        manager->event = sd_event_ref(event);
        manager->kernel = TAKE_PTR(kernel);
        manager->uevents = TAKE_PTR(uevents);
        if ((r = inventory_new(&manager->inventory)) < 0 || (r = pci_names_new(&manager->names)) < 0)
                return log_error_errno(r, "Cannot start");
        if ((r = take_stock(manager, parts)) < 0 || (r = watch(manager)) < 0)
                return r;
        if ((r = job_table_new(event, manager->kernel, manager->inventory, manager->journal, parts->job_limits,
                             &manager->jobs)) < 0 ||
                        (r = orphan_watch_new(event, manager->kernel, manager->inventory, manager->journal,
                                         manager->jobs, parts->job_limits, &manager->orphans)) < 0 ||
                        (r = job_recover(manager->jobs)) < 0)
                return log_error_errno(r, "Cannot give back what was left in between");
        manager->censuses = (CensusTable){.event = event, .kernel = manager->kernel};
        if ((r = serve(manager, parts->bus)) < 0)
                return r;
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        sd_event_source_disable_unref(manager->uevent_source);
        sd_event_source_disable_unref(manager->post_source);
        orphan_watch_free(manager->orphans);
        job_table_free(manager->jobs);
        census_table_done(&manager->censuses);
        sd_bus_flush_close_unref(manager->service.bus);
        journal_free(manager->journal);
        inventory_free(manager->inventory);
        pci_names_free(manager->names);
        uevent_source_free(manager->uevents);
        kernel_free(manager->kernel);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}
