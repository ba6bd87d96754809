/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/operation.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/change-reply.h"
#include "bus/dry-run.h"
#include "bus/revert-interface.h"
#include "bus/selected-plan.h"
#include "policy/vf-plan.h"

/* Replies with the existing VFs of a PF that needs no change. */
static int reply_vfs(sd_bus_message *call, const Inventory *inventory, const Device *pf) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        int r = bus_open_list(call, "(sssa{sv})", &reply);
        for (size_t i = 0; i < n && r >= 0; i++)
                if (device_is_vf_of(devices[i], pf))
                        r = change_reply_append(reply, devices[i]->address, devices[i]->driver, devices[i]->driver);
        return r < 0 ? r : bus_send_list(reply);
}

/* A call that waits for the end of its job. */
typedef struct Waiting {
        sd_bus_message *call;
        FailureContext context;
} Waiting;

/* Answers a call when its job ends. If the caller is gone by then, the bus drops the reply. */
static void on_done(const WorkerResult *result, void *userdata) {
        _cleanup_free_ Waiting *waiting = userdata;

        /* A reset changes no driver. */
        if (!change_reply_failure(waiting->call, &waiting->context, result)) {
                if (streq(sd_bus_message_get_member(waiting->call), "Reset"))
                        (void)sd_bus_reply_method_return(waiting->call, "");
                else
                        (void)change_reply(waiting->call, &result->report);
        }
        sd_bus_message_unref(waiting->call);
}

/* Starts the job, and replies at once if the caller does not wait for its end. */
static int start_job(Service *service, sd_bus_message *call, const Caller *caller, const Request *request, Plan *plan,
                Problem *problem) {
        _cleanup_call_entry_ CallEntry entry = {};

        call_entry_begin(&entry, service, caller, request);
        plan->asker = caller->uid;
        if (request->starts) {
                int r = job_start(service->jobs, plan, entry.caller, &entry.fields, NULL, NULL, problem);
                /* The newest job is the first. */
                if (r == 0)
                        (void)change_reply_job(call, job_next(service->jobs, NULL));
                return r;
        }
        _cleanup_free_ Waiting *waiting = malloc(sizeof(Waiting));
        if (!waiting) {
                plan_free(plan);
                return -ENOMEM;
        }
        *waiting = (Waiting){call, failure_context_new(service, request, plan->selected, plan->group)};
        int r = job_start(service->jobs, plan, entry.caller, &entry.fields, on_done, waiting, problem);
        if (r != 0)
                return r;
        /* on_done() frees these. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        TAKE_PTR(waiting);
        return 0;
}

static int make_plan(const Service *service, const Request *request, Plan **ret, Problem *problem) {
        Selection selection;
        int r;

        if ((r = selector_resolve(service->inventory, request->selector, &selection, problem)) != 0 ||
                        (r = lease_table_refuse(service->leases, &selection, problem)) != 0)
                return r;
        return selected_plan_make(service, request, &selection, NULL, ret, problem);
}

static int start_change(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;

        int r = make_plan(service, request, &plan, &problem);
        if (request->revert_after_us > 0 && r == OUTCOME_ALREADY_DETACHED)
                return revert_interface_move(service, call, caller, request, &problem, error);
        if (r == 0 && request->revert_after_us > 0)
                r = revert_interface_start(service, call, caller, request, plan, &problem);
        else if (r == 0)
                r = start_job(service, call, caller, request, plan, &problem);
        return r == 0 ? 1 : bus_set_error(error, r, &problem);
}

static int describe_change(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = make_plan(service, request, &plan, problem);
        if (request->revert_after_us > 0 && r == OUTCOME_ALREADY_DETACHED)
                return revert_interface_describe(service, request, details, problem);
        return r != 0 ? r : call_details_set_plan(details, service, plan);
}

static int explain_change(const Service *service, const Request *request, ObstacleList *obstacles) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        PciAddress selected;

        int r = selected_plan_find_obstacles(service, request, obstacles, &selected, &plan, &problem);
        return r < 0 ? r : 0;
}

static const CallHandler change_handler = {
                .run = start_change,
                .describe = describe_change,
                .explain = explain_change,
};

static int read_change(sd_bus_message *message, PlanVerb verb, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;

        int r = request_new(message, &request);
        if (r < 0)
                return r;
        request->verb = verb;
        request->starts = startswith(request->method->member, "Start");
        r = request_read_options(request, message, error);
        return r < 0 ? r : authorize(message, &change_handler, TAKE_PTR(request), error);
}

int operation_detach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)userdata;
        return read_change(message, PLAN_DETACH, error);
}

int operation_reattach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)userdata;
        return read_change(message, PLAN_REATTACH, error);
}

int operation_reset(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)userdata;
        return read_change(message, PLAN_RESET, error);
}

/* Plans to set the VFs of a PF. Returns ALREADY_DETACHED with *ret_pf if there is nothing to do. */
static int make_vf_plan(const Service *service, const Request *request, Device **ret_pf, Plan **ret, Problem *problem) {
        IommuReport iommu;

        int r = selector_resolve_device(service->inventory, request->selector, ret_pf, problem);
        if (r != 0)
                return r;
        assert(*ret_pf);
        iommu_examine(service->kernel, &iommu);
        VfOptions options = {
                        .fate = request->detach               ? VFS_DETACHED
                                        : request->driverless ? VFS_DRIVERLESS
                                                              : VFS_OF_HOST,
                        .overrides = request->overrides,
                        .driver = request->driver,
                        .iommu = &iommu,
        };
        return vf_plan_new(service->inventory, *ret_pf, request->count, &options, ret, problem);
}

/* The reply has no changes: the virtual functions that would be created have no addresses and drivers yet. */
static int try_vfs(Service *service, sd_bus_message *call, const Caller *caller, const Request *request, Plan *plan,
                Problem *problem) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(plan_freep) Plan *owned_plan = plan;
        int r;

        if ((r = bus_open_list(call, "(sssa{sv})", &reply)) < 0 || (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return dry_run_start(service, call, reply, caller, request, TAKE_PTR(owned_plan), problem);
}

static int set_vfs(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        Device *pf = NULL;
        Plan *plan = NULL;

        int r = request->dry_run ? dry_run_check_quota(service, caller, &problem) : 0;
        if (r != 0)
                return bus_set_error(error, r, &problem);
        r = make_vf_plan(service, request, &pf, &plan, &problem);
        if (r == OUTCOME_ALREADY_DETACHED)
                return request->starts ? change_reply_job(call, NULL) : reply_vfs(call, service->inventory, pf);
        if (r == 0 && request->dry_run)
                r = try_vfs(service, call, caller, request, plan, &problem);
        else if (r == 0)
                r = start_job(service, call, caller, request, plan, &problem);
        return r == 0 ? 1 : bus_set_error(error, r, &problem);
}

static int describe_vfs(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Device *pf = NULL;

        int r = make_vf_plan(service, request, &pf, &plan, problem);
        if (r != 0 && r != OUTCOME_ALREADY_DETACHED)
                return r;
        r = plan ? call_details_set_plan(details, service, plan)
                 : call_details_set_devices(details, service, (const Device *const *)&pf, 1);
        return r < 0 ? r : call_details_set(details, CALL_DETAIL_COUNT, "%u", request->count);
}

static const CallHandler vfs_handler = {.run = set_vfs, .describe = describe_vfs};

int operation_set_vfs(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = sd_bus_message_read(message, "u", &request->count)) < 0 ||
                        (r = request_read_options_or_dry_run(request, message, error)) < 0)
                return r;
        request->starts = startswith(request->method->member, "Start");
        request->verb = PLAN_SET_VFS;
        if (request->detach && request->driverless)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Virtual functions are either detached or driverless: use only one of the options "
                                "'detach' and 'driverless'.");
        if (request->driver && !request->detach)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "The option 'driver' names a vfio driver, so it needs the option 'detach'.");
        return authorize(message, &vfs_handler, TAKE_PTR(request), error);
}
