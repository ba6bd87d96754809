/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/diagnose-interface.h"
#include "bus/fragment-interface.h"
#include "bus/holders-interface.h"
#include "bus/operation.h"
#include "bus/plan-interface.h"
#include "bus/publish.h"
#include "bus/revert-interface.h"
#include "bus/rule-edit.h"
#include "bus/rule-interface.h"
#include "config.h"

/* userdata of getters and methods is the Service. */

/* Makes the path of the selected group, or of the group of the selected device. The caller frees *ret. Returns 0, an
 * outcome, or -ENOMEM. */
static int find_group(Service *service, const char *selector, char **ret, Problem *problem) {
        Selection selection;

        int r = selector_resolve(service->inventory, selector, &selection, problem);
        if (r != 0)
                return r;
        if (!selection.group)
                return service_refuse_without_group(service, selection.device, problem);
        return service_group_path(selection.group->number, ret) < 0 ? -ENOMEM : 0;
}

/* The same for the selected device. */
static int find_device(Service *service, const char *selector, char **ret, Problem *problem) {
        Device *device = NULL;

        int r = selector_resolve_device(service->inventory, selector, &device, problem);
        if (r != 0)
                return r;
        assert(device);
        return service_device_path(device->address, ret) < 0 ? -ENOMEM : 0;
}

static int reply_path(sd_bus_message *message, Service *service,
                int (*find)(Service *service, const char *selector, char **ret, Problem *problem),
                sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *path = NULL;
        const char *selector;

        int r = sd_bus_message_read(message, "s", &selector);
        if (r < 0)
                return r;
        if ((r = find(service, selector, &path, &problem)) != 0)
                return bus_set_error(error, r, &problem);
        return sd_bus_reply_method_return(message, "o", path);
}

static int method_get_group(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return reply_path(message, userdata, find_group, error);
}

static int method_get_device(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return reply_path(message, userdata, find_device, error);
}

BUS_GETTER(property_get_version) {
        return sd_bus_message_append(reply, "s", VFIOD_VERSION);
}

/* Reads the state of the IOMMU once for all properties of a call: this lists all groups in sysfs. */
static const IommuReport *examine_iommu(Service *service, sd_bus *bus) {
        uint64_t turn = 0;

        if (sd_event_get_iteration(sd_bus_get_event(bus), &turn) < 0 || turn != service->iommu_turn)
                iommu_examine(service->kernel, &service->iommu);
        service->iommu_turn = turn;
        return &service->iommu;
}

BUS_GETTER(property_get_iommu) {
        const IommuReport *iommu = examine_iommu(userdata, bus);

        return bus_append_text(reply,
                        streq(property, "Iommu")                         ? iommu_state_to_string(iommu->state)
                                        : streq(property, "IommuReason") ? iommu->reason
                                                                         : iommu->warning);
}

static void log_rescan(const Service *service, const Caller *caller, const Request *request) {
        _cleanup_call_entry_ CallEntry entry = {};

        if (!log_quota_admit(job_table_log_quota(service->jobs), caller->uid))
                return;
        call_entry_begin(&entry, service, caller, request);
        call_entry_log_done(&entry, MESSAGE_RESCAN_ASKED, "All devices and rules are read again");
}

static int rescan(Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        (void)error;
        int r = service->rescan(service->rescan_userdata, call);
        if (r < 0)
                return r;
        log_rescan(service, caller, request);
        return 1;
}

static const CallHandler rescan_handler = {.run = rescan};

static int method_rescan(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        return authorize(message, &rescan_handler, TAKE_PTR(request), error);
}

/* notify_manager() keeps the counts up to date. */
#define COUNT_PROPERTY(name, field) \
        SD_BUS_PROPERTY(name, "u", NULL, offsetof(Service, told.field), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable manager_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("ListGroups", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(iosbassa{sv})", groups),
                                group_interface_list, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListDevices", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(soissuqqasa{sv})", devices),
                                device_interface_list, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(uossiasuusssa{sv}ta{sv})", jobs),
                                job_interface_list, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListLeases", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(uosutuiasa{sv})", leases),
                                lease_interface_list, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Lease", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", lease, "s", ticket, "a{sv}", details), lease_interface_start,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("ListHolders", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("a(ussssa{sv})", holders), holders_method_list,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Diagnose", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("a(ssssa{sv})", checks), diagnose_method, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetFragment", SD_BUS_ARGS("s", selector, "s", format, "a{sv}", options),
                                SD_BUS_RESULT("s", text, "a{sv}", details), fragment_method,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetGroup", SD_BUS_ARGS("s", selector), SD_BUS_RESULT("o", group),
                                method_get_group, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("GetDevice", SD_BUS_ARGS("s", selector), SD_BUS_RESULT("o", device),
                                method_get_device, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_ARGS("s", selector, "s", verb, "a{sv}", options),
                                SD_BUS_RESULT("b", would_go, "a(sssa{sv})", steps, "a(sssba{sv})", findings, "s",
                                                fingerprint, "a{sv}", details),
                                plan_interface_plan, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), operation_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reattach", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), operation_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reset", SD_BUS_ARGS("s", selector, "a{sv}", options), SD_BUS_NO_RESULT,
                                operation_reset, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Confirm", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("ai", groups), revert_interface_confirm, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("StartDetach", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", job), operation_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("StartReattach", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", job), operation_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("StartReset", SD_BUS_ARGS("s", selector, "a{sv}", options),
                                SD_BUS_RESULT("o", job), operation_reset, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("StartSetVirtualFunctions",
                                SD_BUS_ARGS("s", selector, "u", count, "a{sv}", options), SD_BUS_RESULT("o", job),
                                operation_set_vfs, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_SIGNAL_WITH_NAMES("JobRemoved", "uosssa{sv}",
                                SD_BUS_PARAM(number) SD_BUS_PARAM(job) SD_BUS_PARAM(result) SD_BUS_PARAM(error)
                                                SD_BUS_PARAM(message) SD_BUS_PARAM(details),
                                0),
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
                SD_BUS_METHOD_WITH_ARGS("ChangeRules", SD_BUS_ARGS("a(ssa{sv})", changes, "a{sv}", options),
                                SD_BUS_NO_RESULT, rule_edit_many, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_SIGNAL("RulesChanged", "", 0),
                SD_BUS_METHOD_WITH_ARGS("SetVirtualFunctions", SD_BUS_ARGS("s", selector, "u", count, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), operation_set_vfs, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Version", "s", property_get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Iommu", "s", property_get_iommu, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
                SD_BUS_PROPERTY("IommuReason", "s", property_get_iommu, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
                SD_BUS_PROPERTY("IommuWarning", "s", property_get_iommu, 0, SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
                COUNT_PROPERTY("DeviceCount", n_devices),
                COUNT_PROPERTY("GroupCount", n_groups),
                COUNT_PROPERTY("DetachedCount", n_detached),
                COUNT_PROPERTY("RevertCount", n_reverts),
                COUNT_PROPERTY("EventsLost", events_lost),
                SD_BUS_VTABLE_END,
};
