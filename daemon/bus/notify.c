/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/notify.h"
#include "bus/error-details.h"

#define PROPERTIES_MAX 12

/* Properties that change with any of the facts. */
typedef struct PropertyFacts {
        unsigned facts;
        const char *properties[PROPERTIES_MAX + 1]; /* ends with NULL */
} PropertyFacts;

/* Each property that can change is in one row. */
static const PropertyFacts device_facts[] = {
                {CHANGED_STATE | CHANGED_DRIVER | CHANGED_ORIGIN, {"State"}},
                {CHANGED_AVAILABILITY, {"Availability"}},
                {CHANGED_DRIVER, {"Driver"}},
                {CHANGED_DRIVER | CHANGED_GROUP, {"Node", "Cdev"}},
                {CHANGED_GROUP, {"GroupNumber", "Group"}},
                {CHANGED_IDS,
                                {"VendorId", "DeviceId", "SubsystemVendorId", "SubsystemDeviceId", "Class", "Revision",
                                                "VendorName", "DeviceName", "SubsystemName", "ClassName", "Category",
                                                "Icon"}},
                {CHANGED_LINK, {"LinkSpeed", "LinkSpeedMax", "LinkWidth", "LinkWidthMax"}},
                {CHANGED_OTHER,
                                {"Endpoint", "NumaNode", "ResetMethods", "BootVga", "PhysicalFunction",
                                                "VirtualFunctionsMax"}},
                {CHANGED_FUNCTIONS, {"VirtualFunctions"}},
                {CHANGED_NAMES, {"NetworkInterfaces", "BlockDevices"}},
                {CHANGED_ORIGIN, {"OriginalDriver", "OriginalOverride", "OriginalNames"}},
                {0},
};

static const PropertyFacts group_facts[] = {
                {CHANGED_STATE, {"State"}},
                {CHANGED_VIABLE, {"Viable", "Blockers", "Node"}},
                {CHANGED_MEMBERS, {"Members", "Devices"}},
                {0},
};

/* Names of the changed properties of an object. */
typedef struct NameList {
        char *names[ELEMENTSOF(device_facts) * PROPERTIES_MAX + 1]; /* ends with NULL */
        size_t n;
} NameList;

static void add_name(NameList *list, const char *name) {
        list->names[list->n++] = (char *)name;
}

/* A signal about an object. */
typedef struct Signal {
        enum {
                SIGNAL_ADDED,
                SIGNAL_REMOVED,
                SIGNAL_CHANGED,
                SIGNAL_RULES_CHANGED,
                SIGNAL_JOB_REMOVED,
        } kind;
        const char *path, *interface;
        char **names;        /* of the changed properties */
        const EndedJob *job; /* of SIGNAL_JOB_REMOVED */
        const Service *service;
        bool tells_all; /* the receiver is root, on root's socket */
} Signal;

static int append_changes(sd_bus_message *message, const EndedJob *job) {
        int r;

        if ((r = sd_bus_message_open_container(message, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(message, "s", "Changes")) < 0 ||
                        (r = sd_bus_message_open_container(message, 'v', "a(sssa{sv})")) < 0 ||
                        (r = sd_bus_message_open_container(message, 'a', "(sssa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < job->n_changes && r >= 0; i++)
                r = sd_bus_message_append(message, "(sssa{sv})", PCI_ADDRESS_TEXT(job->changes[i].address),
                                TEXT_NAME(job->changes[i].before), TEXT_NAME(job->changes[i].after), 0);
        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(message);
        return r;
}

static int send_job_removed(sd_bus *bus, const Signal *signal) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool failed = ended_job_set_error(signal->job, signal->tells_all, &error);
        int r;

        if ((r = sd_bus_message_new_signal(bus, &message, BUS_PATH, BUS_INTERFACE_MANAGER, "JobRemoved")) < 0 ||
                        (r = sd_bus_message_append(message, "uosss", (uint32_t)signal->job->number, signal->path,
                                         failed ? "failed" : "done", strempty(error.name), strempty(error.message))) <
                                        0 ||
                        (r = sd_bus_message_open_container(message, 'a', "{sv}")) < 0 ||
                        (r = append_changes(message, signal->job)) < 0 ||
                        (r = error_details_append_job(message, signal->service, signal->job, signal->tells_all)) < 0 ||
                        (r = sd_bus_message_close_container(message)) < 0)
                return r;
        return sd_bus_send(bus, message, NULL);
}

static int send_on(sd_bus *bus, const Signal *signal) {
        switch (signal->kind) {
        case SIGNAL_ADDED:
                return sd_bus_emit_interfaces_added(bus, signal->path, signal->interface, NULL);
        case SIGNAL_REMOVED:
                return sd_bus_emit_interfaces_removed(bus, signal->path, signal->interface, NULL);
        case SIGNAL_CHANGED:
                return sd_bus_emit_properties_changed_strv(bus, signal->path, signal->interface, signal->names);
        case SIGNAL_JOB_REMOVED:
                return send_job_removed(bus, signal);
        case SIGNAL_RULES_CHANGED:
                return sd_bus_emit_signal(bus, signal->path, signal->interface, "RulesChanged", NULL);
        }
        return -EINVAL;
}

/* Sends the signal on all connections. Returns an error of the system bus only: a peer whose connection has ended is
 * about to be freed. */
static int send(const Service *service, const Signal *signal) {
        Signal full = *signal;

        full.service = service;
        full.tells_all = true;
        for (const Peer *peer = service->peers; peer; peer = peer->next)
                (void)send_on(peer->bus, &full);
        full.tells_all = false;
        return service->bus ? send_on(service->bus, &full) : 0;
}

static int emit_changed(Service *service, const char *path, const char *interface, NameList *list) {
        return list->n == 0 ? 0 : send(service, &(Signal){SIGNAL_CHANGED, path, interface, list->names});
}

static int emit_facts(
                Service *service, const char *path, const char *interface, const PropertyFacts *table, unsigned facts) {
        NameList list = {};

        for (; table->facts != 0; table++)
                for (size_t i = 0; (table->facts & facts) && table->properties[i]; i++)
                        add_name(&list, table->properties[i]);
        return emit_changed(service, path, interface, &list);
}

static int emit_change(Service *service, const Change *change) {
        bool of_device = change->kind < CHANGE_GROUP_ADDED;
        const char *interface = of_device ? BUS_INTERFACE_DEVICE : BUS_INTERFACE_GROUP;
        _cleanup_free_ char *path = NULL;

        int r = of_device ? service_device_path(change->address, &path) : service_group_path(change->group, &path);
        if (r < 0)
                return r;
        if (change->kind == CHANGE_DEVICE_REMOVED || change->kind == CHANGE_GROUP_REMOVED)
                return send(service, &(Signal){SIGNAL_REMOVED, path, interface, NULL});
        if (of_device ? !inventory_find_device(service->inventory, change->address)
                      : !inventory_find_group(service->inventory, change->group))
                return 0;
        if (change->kind == CHANGE_DEVICE_ADDED || change->kind == CHANGE_GROUP_ADDED)
                return send(service, &(Signal){SIGNAL_ADDED, path, interface, NULL});
        return emit_facts(service, path, interface, of_device ? device_facts : group_facts, change->facts);
}

int notify_changes(Service *service, const ChangeList *changes) {
        int first_error = 0;

        for (size_t i = 0; i < changes->n_changes; i++) {
                int r = changes->changes[i].kind == CHANGE_NONE ? 0 : emit_change(service, &changes->changes[i]);
                if (r < 0 && first_error == 0)
                        first_error = r;
        }
        return first_error;
}

int notify_manager(Service *service, bool model_changed) {
        const ManagerFacts told = service->told;
        NameList list = {};

        if (!model_changed && follower_events_lost(service->follower) == told.events_lost &&
                        service_count_reverts(service) == told.n_reverts)
                return 0;
        service->told = service_count(service);
        if (service->told.n_devices != told.n_devices)
                add_name(&list, "DeviceCount");
        if (service->told.n_groups != told.n_groups) {
                add_name(&list, "GroupCount");
                /* Clients read these again. Reading them here would list all groups in sysfs. */
                add_name(&list, "Iommu");
                add_name(&list, "IommuReason");
                add_name(&list, "IommuWarning");
        }
        if (service->told.n_detached != told.n_detached)
                add_name(&list, "DetachedCount");
        if (service->told.n_reverts != told.n_reverts)
                add_name(&list, "RevertCount");
        if (service->told.events_lost != told.events_lost)
                add_name(&list, "EventsLost");
        return emit_changed(service, BUS_PATH, BUS_INTERFACE_MANAGER, &list);
}

int notify_pci_names(const Service *service) {
        static const char *const names[] = {"VendorName", "DeviceName", "SubsystemName", "ClassName", NULL};
        size_t n;

        Device *const *devices = inventory_devices(service->inventory, &n);
        int r = 0;
        for (size_t i = 0; i < n && r >= 0; i++) {
                _cleanup_free_ char *path = NULL;

                r = service_device_path(devices[i]->address, &path);
                if (r >= 0)
                        r = send(service, &(Signal){SIGNAL_CHANGED, path, BUS_INTERFACE_DEVICE, (char **)names});
        }
        return r;
}

int notify_matched_rule(const Service *service, PciAddress address) {
        static const char *const names[] = {"MatchedRule", NULL};
        _cleanup_free_ char *path = NULL;

        int r = service_device_path(address, &path);
        return r < 0 ? r : send(service, &(Signal){SIGNAL_CHANGED, path, BUS_INTERFACE_DEVICE, (char **)names});
}

static int notify_rule(const Service *service, const char *name, Signal signal) {
        _cleanup_free_ char *path = NULL;

        int r = service_rule_path(name, &path);
        signal.path = path;
        signal.interface = BUS_INTERFACE_RULE;
        return r < 0 ? r : send(service, &signal);
}

int notify_rule_added(const Service *service, const char *name) {
        return notify_rule(service, name, (Signal){.kind = SIGNAL_ADDED});
}

int notify_rule_removed(const Service *service, const char *name) {
        return notify_rule(service, name, (Signal){.kind = SIGNAL_REMOVED});
}

int notify_rule_changed(const Service *service, const char *name, const char *const *properties) {
        return notify_rule(service, name, (Signal){.kind = SIGNAL_CHANGED, .names = (char **)properties});
}

int notify_rules(const Service *service) {
        return send(service, &(Signal){SIGNAL_RULES_CHANGED, BUS_PATH, BUS_INTERFACE_MANAGER, NULL});
}

void notify_job(const Job *job, JobEvent event, void *userdata) {
        static const char *const changing[] = {
                        "State", "Cancelled", "Step", "Steps", "Action", "Address", "WaitsFor", NULL};
        Signal signal = {.interface = BUS_INTERFACE_JOB, .names = (char **)changing};
        _cleanup_free_ char *path = NULL;

        /* notify_ended_jobs() tells that, after the last change of the devices. */
        if (event == JOB_ENDED || service_job_path(job_describe(job).number, &path) < 0)
                return;
        signal.path = path;
        signal.kind = event == JOB_ADDED ? SIGNAL_ADDED : event == JOB_REMOVED ? SIGNAL_REMOVED : SIGNAL_CHANGED;
        (void)send(userdata, &signal);
}

int notify_ended_jobs(Service *service) {
        const JobHistory *history = job_table_history(service->jobs);
        int r = 0;

        while (service->told_jobs < history->n_ended && r >= 0) {
                const EndedJob *job = job_history_find(history, ++service->told_jobs);
                _cleanup_free_ char *path = NULL;

                if (!job)
                        continue;
                if ((r = service_job_path(job->number, &path)) < 0)
                        return r;
                /* The object disappears in any case. */
                r = send(service, &(Signal){.kind = SIGNAL_JOB_REMOVED, .path = path, .job = job});
                int removed = send(service, &(Signal){SIGNAL_REMOVED, path, BUS_INTERFACE_JOB, NULL});
                r = r < 0 ? r : removed;
        }
        return r;
}

void notify_lease(const Lease *lease, LeaseEvent event, void *userdata) {
        static const char *const changing[] = {"State", "Nodes", "Holder", NULL};
        Signal signal = {.interface = BUS_INTERFACE_LEASE, .names = (char **)changing};
        _cleanup_free_ char *path = NULL;

        if (service_lease_path(lease_describe(lease).number, &path) < 0)
                return;
        signal.path = path;
        signal.kind = event == LEASE_ADDED ? SIGNAL_ADDED : event == LEASE_REMOVED ? SIGNAL_REMOVED : SIGNAL_CHANGED;
        (void)send(userdata, &signal);
}

void notify_revert(int group, void *userdata) {
        static const char *const names[] = {"RevertAt", "RevertWaitsFor", NULL};
        _cleanup_free_ char *path = NULL;
        const Service *service = userdata;

        if (inventory_find_group(service->inventory, group) && service_group_path(group, &path) >= 0)
                (void)send(service, &(Signal){SIGNAL_CHANGED, path, BUS_INTERFACE_GROUP, (char **)names});
}
