/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manager.h"
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/connection.h"
#include "bus/matched-rules.h"
#include "bus/notify.h"
#include "bus/publish.h"
#include "bus/rule-news.h"
#include "job/viability.h"
#include "job/worker-request.h"

#include <malloc.h>

/* Time limit for the events of one turn, and for the part of a rescan in one turn. */
#define TURN_US 2000

/* vfiod processes the events that came before a call, then what helpers have told (see process/peer.c), and then the call. So events
 * have a higher priority than the bus.
 * But if one turn does not process all events, the next turn has a lower priority than the bus, so that calls are not
 * delayed. (The same priority is not enough: sd-bus arms its timer again before each turn, so the bus would come last
 * each time.) After TURNS_OF_OTHERS_MAX calls in a row, the events have a turn again. */
#define FIRST_TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 2)
#define NEXT_TURN_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 1)
#define TURNS_OF_OTHERS_MAX 8

/* The start waits at most this long for the PCIe links of the devices. */
#define LINKS_START_US 1000000

/* vfiod returns freed memory to the kernel this long after a change: a detach of a group makes hundreds of changes. */
#define TRIM_DELAY_US 100000

/* A request to read all devices and rules again. */
struct RescanRequest {
        RescanRequest *next;
        unsigned rescan;      /* number of the rescan that it waits for */
        sd_bus_message *call; /* gets the reply; NULL for none */
};

/* If there is more to do, the event loop calls take_turn() again without a further event. */
static int set_more(Manager *manager, bool on) {
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
        return set_more(manager, true);
}

/* Removes the requests whose rescan is done from the list, and returns them. The newest request is the first of the
 * list, so all requests behind a done one are done, too. */
static RescanRequest *take_done_requests(Manager *manager) {
        RescanRequest **link = &manager->rescans;

        while (*link && (*link)->rescan > follower_rescans_done(manager->follower))
                link = &(*link)->next;
        return TAKE_PTR(*link);
}

static void answer_requests(RescanRequest *requests, int error) {
        while (requests) {
                RescanRequest *request = requests;

                requests = request->next;
                if (request->call && error < 0)
                        (void)sd_bus_reply_method_errorf(request->call, BUS_ERROR_PREFIX "Failed",
                                        "Cannot read all devices and rules again: %s", strerror(-error));
                else if (request->call)
                        (void)sd_bus_reply_method_return(request->call, NULL);
                sd_bus_message_unref(request->call);
                free(request);
        }
}

void manager_rescan(Manager *manager) {
        int r = rescan_request_add(manager, NULL);
        if (r < 0)
                log_error_errno(r, "Cannot read all devices and rules again");
}

static int on_rescan_called(void *userdata, sd_bus_message *call) {
        return rescan_request_add(userdata, call);
}

/* Without events or rescans, the daemon would report outdated facts. So it ends, and systemd starts it again. */
static int end_in_failure(Manager *manager, int error, const char *what) {
        log_error("%s: %s. vfiod exits, and systemd restarts it.", what, strerror(-error));
        return sd_event_exit(manager->event, error);
}

/* Processes the events of the kernel, and a rescan if one is due, for the time of a turn. */
static int take_turn(Manager *manager) {
        manager->turns_of_others = 0;
        int more = follower_follow(manager->follower, TURN_US);
        if (more < 0)
                return end_in_failure(manager, more, "Cannot receive the events of the kernel");
        if (follower_is_rescanning(manager->follower)) {
                int r = follower_rescan(manager->follower, TURN_US);
                if (r < 0)
                        return end_in_failure(manager, r, "Cannot read the PCI devices of the host");
        }
        return set_more(manager, more > 0 || follower_is_rescanning(manager->follower));
}

static int on_more(sd_event_source *source, void *userdata) {
        (void)source;
        return take_turn(userdata);
}

static int on_uevents(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)source, (void)fd, (void)events;
        return take_turn(userdata);
}

/* Requests the links of new and changed devices; after a rescan, those of all devices. */
static int follow_links(Manager *manager, const ChangeList *changes) {
        if (follower_rescans_done(manager->follower) == manager->links_rescan)
                return link_reader_follow(manager->links, changes);
        manager->links_rescan = follower_rescans_done(manager->follower);
        return link_reader_read_all(manager->links);
}

/* The same for the links, and for what the recovery of jobs changed. */
static int follow_first_changes(Manager *manager) {
        ChangeList changes;

        viability_check(manager->inventory);
        inventory_take_changes(manager->inventory, &changes);
        int r = link_reader_follow(manager->links, &changes);
        change_list_done(&changes);
        return r;
}

static void check_settled(Manager *manager, bool now) {
        void (*done)(void) = manager->on_settled;

        if (!done || !(now || rule_keeper_is_settled(manager->rules)))
                return;
        manager->on_settled = NULL;
        manager->settled_timer = sd_event_source_disable_unref(manager->settled_timer);
        done();
}

static int on_settled_timer(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        check_settled(userdata, true);
        return 0;
}

int manager_when_settled(Manager *manager, uint64_t patience_us, void (*done)(void)) {
        int r = sd_event_add_time_relative(manager->event, &manager->settled_timer, CLOCK_MONOTONIC, patience_us, 0,
                        on_settled_timer, manager);
        if (r < 0)
                return r;
        manager->on_settled = done;
        check_settled(manager, false);
        return 0;
}

/* Events and jobs used memory for a short time. Without this, fragments of it would keep the heap large. */
static int on_trim(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time, (void)userdata;
        (void)malloc_trim(0);
        return 0;
}

static int trim_soon(Manager *manager) {
        int r = sd_event_source_get_enabled(manager->trim_timer, NULL);
        if (r != 0)
                return r;
        r = sd_event_source_set_time_relative(manager->trim_timer, TRIM_DELAY_US);
        return r < 0 ? r : sd_event_source_set_enabled(manager->trim_timer, SD_EVENT_ONESHOT);
}

/* Runs after each other event source. Sends one signal for each object that changed. */
static int on_turn_end(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        ChangeList changes;
        int r;

        (void)source;
        if (++manager->turns_of_others >= TURNS_OF_OTHERS_MAX)
                (void)take_turn(manager);
        /* After the devices, the rules are read. The requests are answered last, after the signals for what changed. */
        RescanRequest *done = take_done_requests(manager);
        if (done && pci_names_refresh(manager->names) && (r = notify_pci_names(&manager->service)) < 0)
                log_error_errno(r, "Cannot send the signals for changed names of devices");
        int reloaded = done ? rule_news_reload(&manager->service, NULL) : 0;
        if (reloaded < 0)
                log_error_errno(reloaded, "Cannot read the rules again");
        /* This comes before the changes are taken, because a job that ends here changes its devices again. */
        job_table_check_names(manager->jobs);
        rule_keeper_process(manager->rules);
        lease_table_process(manager->leases);
        revert_table_process(manager->reverts);
        viability_check(manager->inventory);
        if ((r = state_forget_unneeded(manager->state, manager->inventory)) < 0)
                log_error_errno(r, "Cannot forget devices that another program has bound to a driver of the host");
        inventory_take_changes(manager->inventory, &changes);
        if ((r = notify_changes(&manager->service, &changes)) < 0)
                log_error_errno(r, "Cannot send the signals for changed devices and groups");
        if ((r = notify_ended_jobs(&manager->service)) < 0)
                log_error_errno(r, "Cannot send the signals for jobs that have ended");
        if ((r = follow_links(manager, &changes)) < 0)
                log_error_errno(r, "Cannot read the links of the devices");
        if ((r = driver_check_arm(manager->driver_check)) < 0)
                log_error_errno(r, "Cannot set the timer that confirms drivers");
        bool changed = changes.n_changes > 0;
        change_list_done(&changes);
        if ((r = rule_news_tell(&manager->service)) < 0 || (r = notify_manager(&manager->service, changed)) < 0)
                log_error_errno(r, "Cannot send the signals for changed rules and counts");
        pci_names_close(manager->names);
        answer_requests(done, reloaded);
        check_settled(manager, false);
        if (changed && (r = trim_soon(manager)) < 0)
                log_error_errno(r, "Cannot set the timer that gives memory back");
        return 0;
}

/* At the start nobody has read anything yet, so these changes need no signals. */
static void drop_changes(Manager *manager) {
        ChangeList changes;

        inventory_take_changes(manager->inventory, &changes);
        change_list_done(&changes);
}

static void on_forgotten(int error, void *userdata) {
        (void)userdata;
        if (error < 0 && error != -ECANCELED)
                log_error_errno(error, "Cannot remove the state files of devices that are with the host again");
}

static int forget(void *userdata, const PciAddress *addresses, size_t n_addresses) {
        const Manager *manager = userdata;

        return worker_request_forget(manager->event, manager->worker, addresses, n_addresses, on_forgotten, NULL);
}

/* Reads the devices of the host, and the state files, which tell which of them vfiod detached. */
static int read_host(Manager *manager, const char *state_folder) {
        size_t n;
        int r;

        /* The worker prepares the folder when it starts, and any request starts it. */
        if (state_needs_writer(state_folder) && (r = worker_request_now(manager->worker, "Forget", "as", 0)) < 0)
                log_error_errno(r, "Cannot reach vfiod-worker, which prepares %s", state_folder);
        if ((r = state_new(state_folder, false, &manager->state)) < 0)
                return log_error_errno(r, "Cannot read the state files in %s", state_folder);
        manager->state->remove = forget;
        manager->state->remove_userdata = manager;
        if ((r = follower_read_all(manager->kernel, manager->inventory)) < 0)
                return log_error_errno(r, "Cannot read the PCI devices of the host");
        if ((r = link_reader_begin(manager->links)) < 0)
                return log_error_errno(r, "Cannot read the links of the devices");
        /* A device that is present at the start was not plugged in just now. */
        Device *const *devices = inventory_devices(manager->inventory, &n);
        for (size_t i = 0; i < n; i++)
                inventory_clear_appeared(manager->inventory, devices[i]->address);
        if ((r = state_apply(manager->state, manager->inventory)) < 0 ||
                        (r = state_forget_unneeded(manager->state, manager->inventory)) < 0)
                return log_error_errno(r, "Cannot apply the state files in %s", state_folder);
        drop_changes(manager);
        return 0;
}

static int watch(Manager *manager) {
        int r;

        if ((r = sd_event_add_io(manager->event, &manager->uevent_source, manager->uevents->get_fd(manager->uevents),
                             EPOLLIN, on_uevents, manager)) < 0 ||
                        (r = sd_event_add_defer(manager->event, &manager->more_source, on_more, manager)) < 0 ||
                        (r = sd_event_source_set_priority(manager->more_source, NEXT_TURN_PRIORITY)) < 0 ||
                        (r = set_more(manager, false)) < 0 ||
                        (r = sd_event_add_time_relative(manager->event, &manager->trim_timer, CLOCK_MONOTONIC,
                                         TRIM_DELAY_US, 0, on_trim, NULL)) < 0 ||
                        (r = sd_event_add_post(manager->event, &manager->post_source, on_turn_end, manager)) < 0 ||
                        /* Its priority is higher than that of the bus. So the signals for a change precede each
                         * reply that shows it. */
                        (r = sd_event_source_set_priority(manager->post_source, SD_EVENT_PRIORITY_IMPORTANT)) < 0)
                return log_error_errno(r, "Cannot watch the events of the kernel");
        return 0;
}

static int serve(Manager *manager, const ManagerParts *parts) {
        sd_bus *bus = parts->bus;
        int r;

        manager->service = (Service){
                        .bus = sd_bus_ref(bus),
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .jobs = manager->jobs,
                        .leases = manager->leases,
                        .reverts = manager->reverts,
                        .lease_socket = parts->lease_socket,
                        .names = manager->names,
                        .censuses = &manager->censuses,
                        .diagnoses = &manager->diagnoses,
                        .worker = manager->worker,
                        .rules = manager->rules,
                        .follower = manager->follower,
                        .polkit_deadline_us = parts->polkit_deadline_us,
                        .rescan = on_rescan_called,
                        .rescan_userdata = manager,
        };
        if ((r = system_bus_new(&manager->service, manager->event, parts->bus_deadline_us, &manager->system_bus)) < 0)
                return log_error_errno(r, "Cannot register the objects on the bus");
        if ((r = sd_bus_request_name(bus, BUS_NAME, 0)) < 0)
                return log_error_errno(r, "Cannot get the name %s on the bus", BUS_NAME);
        return 0;
}

static bool is_busy(const void *userdata) {
        const Manager *manager = userdata;

        return manager->on_settled || manager->rescans || follower_is_rescanning(manager->follower);
}

static void on_ending(void *userdata) {
        root_socket_stop(((Manager *)userdata)->root_socket);
}

static int watch_idle(Manager *manager, uint64_t delay_us) {
        IdleParts parts = {
                        .event = manager->event,
                        .service = &manager->service,
                        .bus = manager->system_bus,
                        .state = manager->state,
                        .delay_us = delay_us,
                        .is_busy = is_busy,
                        .stop = on_ending,
                        .userdata = manager,
        };
        return idle_new(&parts, &manager->idle);
}

int manager_new(sd_event *event, const ManagerParts *parts, Manager **ret) {
        _cleanup_(kernel_freep) Kernel *kernel = parts->kernel;
        _cleanup_(uevent_source_freep) UeventSource *uevents = parts->uevents;
        _cleanup_close_ int root_fd = parts->root_fd;
        _cleanup_close_ int lease_fd = parts->lease_fd;
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(Manager));
        int r;

        if (!manager)
                return log_error_errno(-ENOMEM, "Cannot start");
        manager->event = sd_event_ref(event);
        manager->kernel = TAKE_PTR(kernel);
        manager->worker = parts->worker;
        manager->uevents = TAKE_PTR(uevents);
        if ((r = inventory_new(&manager->inventory)) < 0 || (r = pci_names_new(&manager->names)) < 0 ||
                        (r = follower_new(manager->kernel, manager->inventory, manager->uevents, &manager->follower)) <
                                        0 ||
                        (r = link_reader_new(event, manager->kernel, manager->inventory, &manager->links)) < 0)
                return log_error_errno(r, "Cannot start");
        if ((r = read_host(manager, parts->state_folder)) < 0 || (r = watch(manager)) < 0)
                return r;
        if ((r = driver_check_new(event, manager->kernel, manager->inventory, NEXT_TURN_PRIORITY,
                             &manager->driver_check)) < 0)
                return log_error_errno(r, "Cannot start");
        if ((r = job_table_new(event, manager->kernel, manager->inventory, manager->state, parts->worker,
                             parts->job_limits, &manager->jobs)) < 0 ||
                        (r = job_recover(manager->jobs)) < 0)
                return log_error_errno(r, "Cannot end the jobs that an earlier daemon did not finish");
        RuleKeeperParts rule_parts = {
                        .event = event,
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .state = manager->state,
                        .jobs = manager->jobs,
                        .port = parts->worker,
                        .folders = parts->rule_folders,
                        .early_rules = parts->early_rules,
                        .boot_rules = parts->boot_rules,
                        .network_online = parts->network_online,
                        .udev_database = parts->udev_database,
        };
        if ((r = rule_keeper_new(&rule_parts, &manager->rules)) < 0)
                return log_error_errno(r, "Cannot start to apply rules");
        manager->censuses = (CensusTable){.event = event, .path = parts->census};
        manager->diagnoses = (DiagnosisTable){
                        .event = event,
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .worker = parts->worker,
                        .deadline_us = DIAGNOSIS_DEADLINE_US,
        };
        LeaseParts lease_parts = {
                        .event = event,
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .state = manager->state,
                        .jobs = manager->jobs,
                        .port = parts->worker,
                        .censuses = &manager->censuses,
                        .store = parts->store,
                        .limits = parts->lease_limits,
                        .socket_fd = TAKE_FD(lease_fd),
        };
        if ((r = lease_table_new(&lease_parts, &manager->leases)) < 0)
                return log_error_errno(r, "Cannot continue the leases of an earlier daemon");
        RevertParts revert_parts = {
                        .event = event,
                        .kernel = manager->kernel,
                        .inventory = manager->inventory,
                        .state = manager->state,
                        .jobs = manager->jobs,
                        .port = parts->worker,
                        .censuses = &manager->censuses,
                        .limits = parts->revert_limits,
        };
        if ((r = revert_table_new(&revert_parts, &manager->reverts)) < 0)
                return log_error_errno(r, "Cannot continue the reverts of an earlier daemon");
        if ((r = serve(manager, parts)) < 0)
                return r;
        /* The first call may have started the daemon, and its reply is to have the links, too. No call is processed
         * before. A device that does not answer delays the start by LINKS_START_US. */
        link_reader_await(manager->links, parts->links_start_us ?: LINKS_START_US);
        if ((r = follow_first_changes(manager)) < 0)
                return log_error_errno(r, "Cannot read the links of the devices");
        if (root_fd >= 0 &&
                        (r = root_socket_new(&manager->service, event, TAKE_FD(root_fd), &manager->root_socket)) < 0)
                return log_error_errno(r, "Cannot accept connections on root's socket");
        /* Calls work without rules, too. So this is not fatal. */
        if ((r = rule_keeper_reload(manager->rules, NULL)) < 0)
                log_error_errno(r, "Cannot read the rules, so vfiod applies no rule");
        if ((r = rule_news_begin(&manager->service)) < 0)
                return log_error_errno(r, "Cannot start");
        if (parts->idle_us > 0 && (r = watch_idle(manager, parts->idle_us)) < 0)
                return log_error_errno(r, "Cannot start");
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        sd_event_source_disable_unref(manager->uevent_source);
        sd_event_source_disable_unref(manager->more_source);
        sd_event_source_disable_unref(manager->post_source);
        sd_event_source_disable_unref(manager->settled_timer);
        sd_event_source_disable_unref(manager->trim_timer);
        idle_free(manager->idle);
        answer_requests(manager->rescans, -ESHUTDOWN);
        revert_table_stop(manager->reverts);
        job_table_free(manager->jobs);
        rule_keeper_free(manager->rules);
        census_table_done(&manager->censuses);
        diagnosis_table_done(&manager->diagnoses);
        if (manager->worker)
                worker_port_done(manager->worker);
        lease_table_free(manager->leases);
        revert_table_free(manager->reverts);
        authorize_done(&manager->service);
        matched_rules_done(&manager->service);
        rule_news_done(&manager->service);
        root_socket_free(manager->root_socket);
        system_bus_free(manager->system_bus);
        connection_close(manager->service.bus);
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
