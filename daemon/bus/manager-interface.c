/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/append.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/getter.h"
#include "bus/operation.h"
#include "bus/options.h"
#include "bus/publish.h"
#include "bus/rule-interface.h"
#include "config.h"
#include "kernel/vfio-node.h"

/* Appends {name: text} to a{sv}, unless the text is empty. */
static int append_detail(sd_bus_message *reply, const char *name, const char *text) {
        int r;

        if (isempty(text))
                return 0;
        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 's', name)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "s")) < 0 ||
                        (r = bus_append_text(reply, text)) < 0 || (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

static int append_group(sd_bus_message *reply, const Group *group) {
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = service_group_path(group->number, &path)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'r', "iosbassa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "iosb", group->number, path,
                                         group_state_to_string(group_state(group)), (int)group_is_viable(group))) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < group->n_members; i++)
                if ((r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(group->members[i]->address))) < 0)
                        return r;
        if ((r = sd_bus_message_close_container(reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "sa{sv}",
                                         group_has_node(group) ? VFIO_NODE_TEXT(group->number) : "", 0)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

static int method_list_groups(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Service *service = userdata;
        size_t n;
        int r;

        (void)error;
        if ((r = sd_bus_message_new_method_return(message, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(iosbassa{sv})")) < 0)
                return r;
        Group *const *groups = inventory_groups(service->inventory, &n);
        for (size_t i = 0; i < n; i++)
                if ((r = append_group(reply, groups[i])) < 0)
                        return r;
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int append_names(Service *service, sd_bus_message *reply, const Device *device) {
        char text[PCI_NAME_MAX];
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = append_detail(reply, "VendorName",
                                         pci_names_lookup(service->names, PCI_NAME_VENDOR, &device->ids, text))) < 0 ||
                        (r = append_detail(reply, "DeviceName",
                                         pci_names_lookup(service->names, PCI_NAME_DEVICE, &device->ids, text))) < 0 ||
                        (r = append_detail(reply, "ClassName",
                                         pci_names_lookup(service->names, PCI_NAME_CLASS, &device->ids, text))) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

static int append_device(Service *service, sd_bus_message *reply, const Device *device) {
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = service_device_path(device->address, &path)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'r', "soissuqqasa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "soissuqq", PCI_ADDRESS_TEXT(device->address), path,
                                         device->group ? device->group->number : IOMMU_GROUP_NONE,
                                         device_state_to_string(device_state(device)), TEXT_NAME(device->driver),
                                         device->ids.class, device->ids.vendor, device->ids.device)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        /* For a detached device, list the names that it had. */
        const HostName *name = device->names || !device->origin ? device->names : device->origin->names;
        for (; name; name = name->next)
                if ((r = bus_append_name(reply, name->name)) < 0)
                        return r;
        if ((r = sd_bus_message_close_container(reply)) < 0 || (r = append_names(service, reply, device)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

static int method_list_devices(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Service *service = userdata;
        size_t n;
        int r;

        (void)error;
        if ((r = sd_bus_message_new_method_return(message, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(soissuqqasa{sv})")) < 0)
                return r;
        Device *const *devices = inventory_devices(service->inventory, &n);
        for (size_t i = 0; i < n; i++)
                if ((r = append_device(service, reply, devices[i])) < 0)
                        return r;
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        (void)error;
        if ((r = sd_bus_message_new_method_return(message, &reply)) < 0 ||
                        (r = job_interface_append_all(userdata, reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static int reply_holders(sd_bus_message *call, const CensusEntry *entries, size_t n_entries) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(ussssa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < n_entries; i++) {
                const CensusEntry *entry = &entries[i];

                if ((r = sd_bus_message_open_container(reply, 'r', "ussssa{sv}")) < 0 ||
                                (r = sd_bus_message_append(reply, "uss", (uint32_t)entry->holder.pid,
                                                 TEXT_NAME(entry->holder.command), TEXT_NAME(entry->holder.unit))) <
                                                0 ||
                                (r = bus_append_name(reply, entry->node)) < 0 ||
                                (r = sd_bus_message_append(reply, "sa{sv}",
                                                 entry->of_group ? "" : PCI_ADDRESS_TEXT(entry->address), 0)) < 0 ||
                                (r = sd_bus_message_close_container(reply)) < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static void on_census_done(int error, const CensusEntry *entries, size_t n_entries, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = userdata;

        if (error == 0)
                (void)reply_holders(call, entries, n_entries);
        else
                (void)sd_bus_reply_method_errorf(call, BUS_ERROR_PREFIX "Failed",
                                "Cannot determine which processes hold the device nodes: %s", strerror(-error));
}

/* The devices whose nodes count: the one that was selected, or the endpoints of the group. Returns 0 or -ENOMEM. */
static int list_addresses(const Selection *selection, PciAddress **ret, size_t *ret_n) {
        const Group *group = selection->group;
        size_t n = 0;

        assert(selection->device || group);
        PciAddress *addresses = calloc(selection->device ? 1 : group->n_members + 1, sizeof(PciAddress));
        if (!addresses)
                return -ENOMEM;
        if (selection->device)
                addresses[n++] = selection->device->address;
        else
                for (size_t i = 0; i < group->n_members; i++)
                        if (group->members[i]->endpoint)
                                addresses[n++] = group->members[i]->address;
        *ret = addresses;
        *ret_n = n;
        return 0;
}

static int list_holders(
                Service *service, sd_bus_message *call, const Caller *caller, void *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ PciAddress *addresses = NULL;
        Selection selection = {};
        size_t n = 0;

        int r = selector_resolve(service->inventory, request, &selection, &problem);
        if (r == 0)
                r = list_addresses(&selection, &addresses, &n);
        if (r == 0)
                r = census_start(service->censuses, caller->uid, selection.group ? selection.group->number : -1,
                                addresses, n, on_census_done, call, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        /* on_census_done() unrefs it; the event loop calls it later, never from this handler. */
        sd_bus_message_ref(call);
        return 1;
}

static int method_list_holders(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *selector;

        int r = sd_bus_message_read(message, "s", &selector);
        if (r < 0)
                return r;
        NextStep next = {.run = list_holders, .request = selector_copy(selector), .free_request = free};
        return next.request ? authorize_anybody(userdata, message, &next, error) : -ENOMEM;
}

static int find_group(Service *service, const char *selector, const Group **ret, Problem *problem) {
        Selection selection;
        IommuReport iommu;

        int r = selector_resolve(service->inventory, selector, &selection, problem);
        if (r != 0)
                return r;
        if (selection.group) {
                *ret = selection.group;
                return 0;
        }
        if (!selection.device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is detached and gone from its slot. It has no group until it is plugged in again.",
                                PCI_ADDRESS_TEXT(selection.device->address));
        iommu_examine(service->kernel, &iommu);
        if (iommu.state != IOMMU_ON)
                return problem_set(problem, OUTCOME_NO_IOMMU, "There are no IOMMU groups: the IOMMU is %s. %s",
                                iommu_state_to_string(iommu.state), iommu.reason);
        return problem_set(problem, OUTCOME_NO_GROUP, "%s is in no IOMMU group.",
                        PCI_ADDRESS_TEXT(selection.device->address));
}

static int method_get_group(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *path = NULL;
        Service *service = userdata;
        const char *selector;
        const Group *group = NULL;
        int r;

        if ((r = sd_bus_message_read(message, "s", &selector)) < 0)
                return r;
        if ((r = find_group(service, selector, &group, &problem)) != 0)
                return errors_set(error, r, &problem);
        assert(group);
        if ((r = service_group_path(group->number, &path)) < 0)
                return r;
        return sd_bus_reply_method_return(message, "o", path);
}

static int method_get_device(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *path = NULL;
        Service *service = userdata;
        const char *selector;
        Device *device = NULL;
        int r;

        if ((r = sd_bus_message_read(message, "s", &selector)) < 0)
                return r;
        if ((r = selector_resolve_device(service->inventory, selector, &device, &problem)) != 0)
                return errors_set(error, r, &problem);
        assert(device);
        if ((r = service_device_path(device->address, &path)) < 0)
                return r;
        return sd_bus_reply_method_return(message, "o", path);
}

static int method_detach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *selector;

        int r = sd_bus_message_read(message, "s", &selector);
        return r < 0 ? r : operation_detach(userdata, message, selector, error);
}

static int method_reattach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *selector;

        int r = sd_bus_message_read(message, "s", &selector);
        return r < 0 ? r : operation_reattach(userdata, message, selector, error);
}

static int method_plan(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *selector, *verb;

        int r = sd_bus_message_read(message, "ss", &selector, &verb);
        return r < 0 ? r : operation_plan(userdata, message, selector, verb, error);
}

static int method_set_virtual_functions(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *selector;

        int r = sd_bus_message_read(message, "s", &selector);
        return r < 0 ? r : operation_set_vfs(userdata, message, selector, error);
}

BUS_GETTER(property_get_version) {
        return sd_bus_message_append(reply, "s", VFIOD_VERSION);
}

BUS_GETTER(property_get_iommu) {
        const Service *service = userdata;
        IommuReport iommu;

        iommu_examine(service->kernel, &iommu);
        return bus_append_text(reply, streq(property, "Iommu") ? iommu_state_to_string(iommu.state) : iommu.reason);
}

BUS_GETTER(property_get_count) {
        ManagerFacts facts;

        service_count(userdata, &facts);
        return sd_bus_message_append(reply, "u",
                        streq(property, "DeviceCount")                     ? facts.n_devices
                                        : streq(property, "GroupCount")    ? facts.n_groups
                                        : streq(property, "DetachedCount") ? facts.n_detached
                                                                           : facts.events_lost);
}

static int rescan(Service *service, sd_bus_message *call, const Caller *caller, void *request, sd_bus_error *error) {
        (void)caller, (void)request, (void)error;
        int r = service->rescan(service->rescan_userdata, call);
        return r < 0 ? r : 1;
}

static int method_rescan(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        int r = options_read(message, "Rescan", NULL, 0, NULL, error);
        return r < 0 ? r : authorize_change(userdata, message, &(NextStep){.run = rescan}, error);
}

static const sd_bus_vtable manager_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("ListGroups", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(iosbassa{sv})", groups),
                                method_list_groups, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListDevices", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(soissuqqasa{sv})", devices),
                                method_list_devices, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(uossiasuussssta{sv})", jobs),
                                method_list_jobs, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListHolders", SD_BUS_ARGS("s", selector),
                                SD_BUS_RESULT("a(ussssa{sv})", holders), method_list_holders,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetGroup", SD_BUS_ARGS("s", selector), SD_BUS_RESULT("o", group),
                                method_get_group, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetDevice", SD_BUS_ARGS("s", selector), SD_BUS_RESULT("o", device),
                                method_get_device, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_ARGS("s", selector, "s", verb, "a{sv}", options),
                                SD_BUS_RESULT("b", would_go, "a(sssa{sv})", steps, "a(sssba{sv})", findings, "s",
                                                fingerprint, "a{sv}", details),
                                method_plan, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), method_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reattach", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), method_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Rescan", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_rescan,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListRules", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sssa(sssa{sv})a{sv})", rules),
                                rule_method_list, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("CheckRule", SD_BUS_ARGS("s", text), SD_BUS_RESULT("u", line, "s", fault),
                                rule_method_check, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("AddRule", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("s", name, "s", file), rule_method_add, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("RemoveRule", SD_BUS_ARGS("s", name, "a{sv}", options), SD_BUS_NO_RESULT,
                                rule_method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_SIGNAL("RulesChanged", "", 0),
                SD_BUS_METHOD_WITH_ARGS("SetVirtualFunctions", SD_BUS_ARGS("s", selector, "u", count, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), method_set_virtual_functions,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Version", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Iommu", "s", property_get_iommu, 0, 0),
                SD_BUS_PROPERTY("IommuReason", "s", property_get_iommu, 0, 0),
                SD_BUS_PROPERTY("DeviceCount", "u", property_get_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("GroupCount", "u", property_get_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("DetachedCount", "u", property_get_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("EventsLost", "u", property_get_count, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_VTABLE_END,
};

int manager_interface_publish(Service *service) {
        return sd_bus_add_object_vtable(service->bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, manager_vtable, service);
}
