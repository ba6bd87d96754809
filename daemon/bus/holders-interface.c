/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/holders-interface.h"
#include "bus/authorize.h"

/* In place of a command, if vfiod cannot read which nodes a device has. */
#define HOLDER_UNKNOWN "not known"

static int append_details(sd_bus_message *reply, const CensusEntry *entry) {
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        if (r >= 0 && entry->group != IOMMU_GROUP_NONE)
                r = sd_bus_message_append(reply, "{sv}", "Group", "i", (int32_t)entry->group);
        if (r >= 0 && entry->n_more > 0)
                r = sd_bus_message_append(reply, "{sv}", "More", "u", (uint32_t)entry->n_more);
        if (r >= 0 && entry->error < 0)
                r = sd_bus_message_append(reply, "{sv}", "Error", "s", strerror(-entry->error));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_entry(sd_bus_message *reply, const CensusEntry *entry) {
        const char *command = entry->error < 0   ? HOLDER_UNKNOWN
                        : entry->holder.pid == 0 ? HOLDER_OF_OTHER_USER
                                                 : TEXT_NAME(entry->holder.command);
        char node[TEXT_ESCAPED_MAX(sizeof(entry->node))];
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', "ussssa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "ussss", (uint32_t)entry->holder.pid, command,
                                         TEXT_NAME(entry->holder.unit),
                                         text_escape(entry->node, TEXT_NAME_ESCAPE, node, sizeof(node)),
                                         entry->group != IOMMU_GROUP_NONE ? "" : PCI_ADDRESS_TEXT(entry->address))) <
                                        0 ||
                        (r = append_details(reply, entry)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

static int reply_holders(sd_bus_message *call, const CensusEntry *entries, size_t n_entries) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        int r = bus_open_list(call, "(ussssa{sv})", &reply);
        for (size_t i = 0; i < n_entries && r >= 0; i++)
                r = append_entry(reply, &entries[i]);
        return r < 0 ? r : bus_send_list(reply);
}

static void on_census_done(int error, const CensusEntry *entries, size_t n_entries, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = userdata;

        if (error == 0)
                (void)reply_holders(call, entries, n_entries);
        else
                (void)sd_bus_reply_method_errorf(call, BUS_ERROR_PREFIX "Failed",
                                "Cannot determine which processes hold the device nodes: %s", strerror(-error));
}

/* What a call asks for. */
typedef struct Asked {
        int *groups;
        size_t n_groups;
        AskedDevice *devices;
        size_t n_devices;
} Asked;

static void asked_done(Asked *asked) {
        free(asked->groups);
        free(asked->devices);
}

static int asked_reserve(Asked *asked, size_t n_groups, size_t n_devices) {
        asked->groups = calloc(n_groups + 1, sizeof(int));
        asked->devices = calloc(n_devices + 1, sizeof(AskedDevice));
        return asked->groups && asked->devices ? 0 : -ENOMEM;
}

static void asked_add(Asked *asked, const Service *service, const Device *device) {
        asked->devices[asked->n_devices++] =
                        (AskedDevice){device->address, job_table_find_cdev(service->jobs, device->address)};
}

/* Asks for the selected device with the node of its group, or for the selected group with its endpoints. */
static int ask_selected(const Service *service, const Selection *selection, Asked *asked) {
        const Group *group = selection->group;

        assert(selection->device || group);
        int r = asked_reserve(asked, 1, selection->device ? 1 : group->n_members);
        if (r < 0)
                return r;
        if (group)
                asked->groups[asked->n_groups++] = group->number;
        if (selection->device)
                asked_add(asked, service, selection->device);
        else
                for (size_t i = 0; i < group->n_members; i++)
                        if (group->members[i]->endpoint)
                                asked_add(asked, service, group->members[i]);
        return 0;
}

/* Asks for all groups and endpoints. */
static int ask_all(const Service *service, Asked *asked) {
        size_t n_groups, n_devices;

        Group *const *groups = inventory_groups(service->inventory, &n_groups);
        Device *const *devices = inventory_devices(service->inventory, &n_devices);
        int r = asked_reserve(asked, n_groups, n_devices);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_groups; i++)
                asked->groups[asked->n_groups++] = groups[i]->number;
        for (size_t i = 0; i < n_devices; i++)
                if (devices[i]->endpoint)
                        asked_add(asked, service, devices[i]);
        return 0;
}

static int list_asked(const Service *service, const char *selector, Asked *asked, Problem *problem) {
        Selection selection = {};

        if (selector[0] == '\0')
                return ask_all(service, asked);
        int r = selector_resolve(service->inventory, selector, &selection, problem);
        return r != 0 ? r : ask_selected(service, &selection, asked);
}

static int list_holders(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(asked_done) Asked asked = {};

        /* The quota comes first, before vfiod does any work for the caller. */
        int r = census_check_quota(service->censuses, caller->uid, &problem);
        if (r == 0)
                r = list_asked(service, request->selector, &asked, &problem);
        if (r == 0) {
                CensusQuestion question = {
                                .about = {asked.groups, asked.n_groups, asked.devices, asked.n_devices},
                                .asker = caller->uid,
                                .tells_errors = request->selector[0] == '\0',
                };
                question.about.reader = request->inspect ? 0 : caller->uid;
                r = census_start(service->censuses, &question, on_census_done, call, &problem);
        }
        if (r != 0)
                return bus_set_error(error, r, &problem);
        /* on_census_done() unrefs the call. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        return 1;
}

static int describe_holders(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        Selection selection = {};

        if (request->selector[0] == '\0')
                return 0;
        int r = selector_resolve(service->inventory, request->selector, &selection, problem);
        if (r != 0)
                return r;
        if (selection.device)
                return call_details_set_devices(details, service, (const Device *const *)&selection.device, 1);
        return call_details_set_devices(
                        details, service, (const Device *const *)selection.group->members, selection.group->n_members);
}

static const CallHandler holders_handler = {.run = list_holders, .describe = describe_holders};

int holders_method_list(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &holders_handler, TAKE_PTR(request), error);
}
