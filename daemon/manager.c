/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manager.h"
#include "base/log.h"
#include "bus/notify.h"
#include "bus/publish.h"
#include "bus/rule-interface.h"
#include "job/viability.h"

#include <malloc.h>

/* For so long events are followed in one turn, and for so long a rescan goes on. */
#define TURN_US 2000

/* What happened before a call is looked at before it. When that takes longer than a turn, whoever calls comes first. (At the same priority he would come
 * last: sd-bus arms the timer for what it has read anew before each turn, and then counts as the last who came.) But so many calls in a row are enough. */
#define FIRST_TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 1)
#define NEXT_TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 1)
#define TURNS_OF_OTHERS_MAX 8

/* So long the start waits for the links of the devices. */
#define LINKS_START_US 1000000

/* Somebody who wants everything to be read anew. */
struct RescanRequest {
        RescanRequest *next;
        unsigned rescan;      /* which it waits for */
        sd_bus_message *call; /* to be answered then; NULL for nobody */
};

/* The loop comes back to take_turn() without being woken. */
static int go_on(Manager *manager, bool on) {
        int r = sd_event_source_set_priority(manager->uevent_source, on ? NEXT_TURN_PRIORITY : FIRST_TURN_PRIORITY);
        return r < 0 ? r : sd_event_source_set_enabled(manager->more_source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int rescan_request_add(Manager *manager, sd_bus_message *call) {
        RescanRequest *request = malloc(sizeof(RescanRequest));
        if (!request)
                return -ENOMEM;
        *request = (RescanRequest){
                        .next = manager->rescans,
                        .rescan = follower_ask_rescan(manager->follower),
                        .call = sd_bus_message_ref(call),
        };
        manager->rescans = request;
        return go_on(manager, true);
}

/* Takes out the requests whose rescan is done. */
static RescanRequest *take_done_requests(Manager *manager) {
        RescanRequest *done = NULL;

        for (RescanRequest **link = &manager->rescans; *link;) {
                RescanRequest *request = *link;

                if (request->rescan > follower_rescans_done(manager->follower)) {
                        link = &request->next;
                        continue;
                }
                *link = request->next;
                request->next = done;
                done = request;
        }
        return done;
}

static void answer_requests(RescanRequest *requests, int error) {
        while (requests) {
                RescanRequest *request = requests;

                requests = request->next;
                if (request->call && error < 0)
                        (void)sd_bus_reply_method_errorf(request->call, BUS_ERROR_PREFIX "Failed",
                                        "Not everything could be read: %s", strerror(-error));
                else if (request->call)
                        (void)sd_bus_reply_method_return(request->call, NULL);
                sd_bus_message_unref(request->call);
                free(request);
        }
}

void manager_rescan(Manager *manager) {
        int r = rescan_request_add(manager, NULL);
        if (r < 0)
                log_error_errno(r, "Cannot read everything anew");
}

static int on_rescan_called(void *userdata, sd_bus_message *call) {
        return rescan_request_add(userdata, call);
}

/* Deaf or blind, the daemon would tell stale facts for ever. */
static int end_in_failure(Manager *manager, int error, const char *what) {
        log_error_errno(error, "%s: vfiod ends, to be started anew", what);
        return sd_event_exit(manager->event, error);
}

/* A turn of what the kernel has to tell. */
static int take_turn(Manager *manager) {
        manager->turns_of_others = 0;
        int more = follower_follow(manager->follower, TURN_US);
        if (more < 0)
                return end_in_failure(manager, more, "Cannot receive the kernel's events");
        if (follower_is_rescanning(manager->follower)) {
                int r = follower_rescan(manager->follower, TURN_US);
                if (r < 0)
                        return end_in_failure(manager, r, "Cannot read the PCI devices of the host");
        }
        return go_on(manager, more > 0 || follower_is_rescanning(manager->follower));
}

static int on_more(sd_event_source *source, void *userdata) {
        (void)source;
        return take_turn(userdata);
}

static int on_uevents(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)source, (void)fd, (void)events;
        return take_turn(userdata);
}

/* Asks for the links of what came or changed, and for all after a rescan. */
static int follow_links(Manager *manager, const ChangeList *changes) {
        if (follower_rescans_done(manager->follower) == manager->links_rescan)
                return link_reader_follow(manager->links, changes);
        manager->links_rescan = follower_rescans_done(manager->follower);
        return link_reader_read_all(manager->links);
}

/* Runs after every other source of a turn: what they changed goes out as one signal an object. */
static int on_turn_end(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        ChangeList changes;

        (void)source;
        if (++manager->turns_of_others >= TURNS_OF_OTHERS_MAX)
                (void)take_turn(manager);
        /* The devices were read: now the rules are, and whoever asked hears of it when he has heard what came of it. */
        RescanRequest *done = take_done_requests(manager);
        int reloaded = done ? rule_interface_reload(&manager->service) : 0;
        if (reloaded < 0)
                log_error_errno(reloaded, "Cannot read the rules anew");
        /* Before the changes are taken, since a job that ends here changes its devices once more. */
        job_table_check_names(manager->jobs);
        rule_keeper_process(manager->rules);
        viability_check(manager->inventory);
        int r = state_forget_settled(manager->state, manager->inventory);
        if (r < 0)
                log_error_errno(r, "Cannot forget devices that another program has bound to a driver of the host");
        inventory_take_changes(manager->inventory, &changes);
        if (changes.n_changes > 0) {
                r = notify_changes(&manager->service, &changes);
                if (r < 0)
                        log_error_errno(r, "Cannot signal what changed");
        }
        if ((r = follow_links(manager, &changes)) < 0)
                log_error_errno(r, "Cannot read the links of the devices");
        if ((r = driver_check_arm(manager->driver_check)) < 0)
                log_error_errno(r, "Cannot set the timer that confirms drivers");
        bool changed = changes.n_changes > 0;
        change_list_done(&changes);
        r = rule_interface_tell(&manager->service);
        if (r >= 0)
                r = notify_manager(&manager->service, changed);
        if (r < 0)
                log_error_errno(r, "Cannot signal what changed");
        answer_requests(done, reloaded);
        /* What events and jobs took in passing goes back to the system, or its scraps spread over the heap for good. */
        if (changed)
                (void)malloc_trim(0);
        return 0;
}

/* The state files tell which devices vfiod detached, the scan tells how they are bound. Nobody listens yet, so nothing is
 * signalled. */
static int take_stock(Manager *manager, const ManagerParts *parts) {
        ChangeList changes;
        size_t n;
        int r;

        if ((r = state_new(parts->state_folder, &manager->state)) < 0)
                return log_error_errno(r, "Cannot read the state files in %s", parts->state_folder);
        if ((r = follower_read_all(manager->kernel, manager->inventory)) < 0)
                return log_error_errno(r, "Cannot read the PCI devices of the host");
        /* What is there at the start was not plugged in just now. */
        Device *const *devices = inventory_devices(manager->inventory, &n);
        for (size_t i = 0; i < n; i++)
                inventory_clear_appeared(manager->inventory, devices[i]->address);
        if ((r = state_apply(manager->state, manager->inventory)) < 0 ||
                        (r = state_forget_settled(manager->state, manager->inventory)) < 0)
                return log_error_errno(r, "Cannot apply the state files in %s", parts->state_folder);
        inventory_take_changes(manager->inventory, &changes);
        change_list_done(&changes);
        return 0;
}

/* Whoever called first and started the daemon by that shall see the links, too. A device that does not answer delays the start by
 * this second. Nobody listens yet, so nothing is signalled. */
static int read_first_links(Manager *manager) {
        ChangeList changes;

        int r = link_reader_read_now(manager->links, LINKS_START_US);
        inventory_take_changes(manager->inventory, &changes);
        change_list_done(&changes);
        return r;
}

static int watch(Manager *manager) {
        int r;

        if ((r = sd_event_add_io(manager->event, &manager->uevent_source, manager->uevents->get_fd(manager->uevents),
                             EPOLLIN, on_uevents, manager)) < 0 ||
                        (r = sd_event_add_defer(manager->event, &manager->more_source, on_more, manager)) < 0 ||
                        (r = sd_event_source_set_priority(manager->more_source, NEXT_TURN_PRIORITY)) < 0 ||
                        (r = go_on(manager, false)) < 0 ||
                        (r = sd_event_add_post(manager->event, &manager->post_source, on_turn_end, manager)) < 0 ||
                        /* Before any call: what a reply shows has been signalled before it. */
                        (r = sd_event_source_set_priority(manager->post_source, SD_EVENT_PRIORITY_IMPORTANT)) < 0)
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
                        .rules = manager->rules,
                        .follower = manager->follower,
                        .rescan = on_rescan_called,
                        .rescan_userdata = manager,
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
        if ((r = inventory_new(&manager->inventory)) < 0 || (r = pci_names_new(&manager->names)) < 0 ||
                        (r = follower_new(manager->kernel, manager->inventory, manager->uevents, &manager->follower)) <
                                        0)
                return log_error_errno(r, "Cannot start");
        if ((r = take_stock(manager, parts)) < 0 || (r = watch(manager)) < 0)
                return r;
        if ((r = driver_check_new(event, manager->kernel, manager->inventory, NEXT_TURN_PRIORITY,
                             &manager->driver_check)) < 0)
                return log_error_errno(r, "Cannot start");
        if ((r = link_reader_new(event, manager->kernel, manager->inventory, &manager->links)) < 0 ||
                        (r = read_first_links(manager)) < 0)
                return log_error_errno(r, "Cannot read the links of the devices");
        if ((r = job_table_new(event, manager->kernel, manager->inventory, manager->state, parts->job_limits,
                             &manager->jobs)) < 0 ||
                        (r = job_recover(manager->jobs)) < 0)
                return log_error_errno(r, "Cannot end the jobs that an earlier daemon left");
        RuleKeeperParts rule_parts = {
                        .event = event,
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .state = manager->state,
                        .jobs = manager->jobs,
                        .folders = parts->rule_folders,
                        .early_rules = parts->early_rules,
                        .udev_database = parts->udev_database,
        };
        if ((r = rule_keeper_new(&rule_parts, &manager->rules)) < 0)
                return log_error_errno(r, "Cannot keep rules");
        manager->censuses = (CensusTable){.event = event, .kernel = manager->kernel};
        if ((r = serve(manager, parts->bus)) < 0)
                return r;
        /* Without rules the daemon is worth as much to those who call it. */
        if ((r = rule_keeper_reload(manager->rules)) < 0)
                log_error_errno(r, "Cannot read the rules: none is applied");
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        sd_event_source_disable_unref(manager->uevent_source);
        sd_event_source_disable_unref(manager->more_source);
        sd_event_source_disable_unref(manager->post_source);
        answer_requests(manager->rescans, -ESHUTDOWN);
        job_table_free(manager->jobs);
        rule_keeper_free(manager->rules);
        census_table_done(&manager->censuses);
        service_done(&manager->service);
        sd_bus_flush_close_unref(manager->service.bus);
        state_free(manager->state);
        driver_check_free(manager->driver_check);
        link_reader_free(manager->links);
        follower_free(manager->follower);
        inventory_free(manager->inventory);
        pci_names_free(manager->names);
        uevent_source_free(manager->uevents);
        kernel_free(manager->kernel);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}
