/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/operation.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/change-reply.h"
#include "bus/revert-interface.h"
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

/* Answers a call when its job ends. If the caller is gone by then, the bus drops the reply. */
static void on_done(const WorkerResult *result, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = userdata;

        if (!change_reply_failure(call, result))
                (void)change_reply(call, &result->report);
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
        int r = job_start(service->jobs, plan, entry.caller, &entry.fields, on_done, call, problem);
        if (r != 0)
                return r;
        /* on_done() unrefs the call. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        return 0;
}

int operation_plan_detach(const Service *service, const Request *request, const Selection *selection,
                const IommuReport *iommu, Plan **ret, Problem *problem) {
        DetachOptions options = {
                        .companions = (const char *const *)request->companions.entries,
                        .whole_group = !selection->device,
                        .overrides = request->overrides,
                        .driver = request->driver,
        };
        int r = plan_detach(service->inventory, selection, iommu, &options, ret, problem);
        if (r == 0)
                (*ret)->fingerprint = request->fingerprint;
        return r;
}

static int make_plan(const Service *service, const Request *request, Plan **ret, Problem *problem) {
        Selection selection;
        IommuReport iommu;
        int r;

        if ((r = selector_resolve(service->inventory, request->selector, &selection, problem)) != 0 ||
                        (r = lease_table_refuse(service->leases, &selection, problem)) != 0)
                return r;
        if (request->verb == PLAN_DETACH) {
                iommu_examine(service->kernel, &iommu);
                return operation_plan_detach(service, request, &selection, &iommu, ret, problem);
        }
        r = plan_reattach(service->inventory, &selection,
                        &(ReattachOptions){.force = request->force, .adopt = request->adopt}, ret, problem);
        if (r == 0)
                (*ret)->fingerprint = request->fingerprint;
        return r;
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

static const CallHandler change_handler = {.run = start_change, .describe = describe_change};

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

static int set_vfs(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        Device *pf = NULL;
        Plan *plan = NULL;

        int r = make_vf_plan(service, request, &pf, &plan, &problem);
        if (r == OUTCOME_ALREADY_DETACHED)
                return request->starts ? change_reply_job(call, NULL) : reply_vfs(call, service->inventory, pf);
        if (r == 0)
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
                        (r = request_read_options(request, message, error)) < 0)
                return r;
        request->starts = startswith(request->method->member, "Start");
        if (request->detach && request->driverless)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Virtual functions are either detached or driverless: use only one of the options "
                                "'detach' and 'driverless'.");
        if (request->driver && !request->detach)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "The option 'driver' names a vfio driver, so it needs the option 'detach'.");
        return authorize(message, &vfs_handler, TAKE_PTR(request), error);
}

/* Plan. */

typedef struct Planning {
        const Plan *plan; /* belongs to the job, which lives until it calls on_plan_done() */
        sd_bus_message *call;
} Planning;

static int append_steps(sd_bus_message *reply, const Plan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})");

        for (size_t i = 0; i < plan->n_steps && r >= 0; i++) {
                const PlanStep *step = &plan->steps[i];
                char reason[PLAN_REASON_MAX];

                r = sd_bus_message_append(reply, "(sssa{sv})", step_kind_to_string(step->kind),
                                PCI_ADDRESS_TEXT(plan_step_address(plan, step)), plan_step_reason(plan, step, reason),
                                0);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* The only findings of a reattach are virtual machines, and its option 'force' overrides them. */
static bool is_overridden(const Plan *plan, const Finding *finding) {
        return plan->verb == PLAN_REATTACH ? plan->force : plan->overrides & 1U << finding->guard;
}

static int append_findings(sd_bus_message *reply, const FindingList *findings, const Plan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "(sssba{sv})");

        for (size_t i = 0; i < findings->n_findings && r >= 0; i++) {
                const Finding *finding = &findings->findings[i];
                _cleanup_free_ char *evidence = text_escape_new(finding->evidence, TEXT_MESSAGE_ESCAPE);

                if (!evidence)
                        return -ENOMEM;
                r = sd_bus_message_append(reply, "(sssba{sv})", guard_to_string(finding->guard),
                                PCI_ADDRESS_TEXT(finding->address), evidence, (int)is_overridden(plan, finding), 0);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_details(sd_bus_message *reply, const Plan *plan, const Report *report) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0)
                return r;
        if (plan->n_warnings + report->n_warnings == 0)
                return sd_bus_message_close_container(reply);
        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(reply, "s", "warnings")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "as")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < plan->n_warnings && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", plan->warnings[i]);
        for (size_t i = 0; i < report->n_warnings && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", report->warnings[i]);
        for (unsigned depth = 0; depth < 4 && r >= 0; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int reply_plan(sd_bus_message *call, const Plan *plan, const Report *report) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char fingerprint[17];
        bool would_go = true;
        int r;

        for (size_t i = 0; i < report->findings.n_findings; i++)
                would_go = would_go && is_overridden(plan, &report->findings.findings[i]);
        (void)snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)report->fingerprint);
        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "b", (int)would_go)) < 0 ||
                        (r = append_steps(reply, plan)) < 0 ||
                        (r = append_findings(reply, &report->findings, plan)) < 0 ||
                        (r = sd_bus_message_append(reply, "s", fingerprint)) < 0 ||
                        (r = append_details(reply, plan, report)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static void on_plan_done(const WorkerResult *result, void *userdata) {
        Planning *planning = userdata;

        if (!change_reply_failure(planning->call, result))
                (void)reply_plan(planning->call, planning->plan, &result->report);
        sd_bus_message_unref(planning->call);
        free(planning);
}

static int start_plan(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_free_ Planning *planning = calloc(1, sizeof(Planning));
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;
        int r;

        if (!planning)
                return -ENOMEM;
        /* The quota comes first, before vfiod does any work for the caller. */
        if ((r = job_check_plan_quota(service->jobs, caller->uid, &problem)) != 0 ||
                        (r = make_plan(service, request, &plan, &problem)) != 0)
                return bus_set_error(error, r, &problem);
        assert(plan);
        plan->only_plan = true;
        plan->asker = caller->uid;
        plan->inspect = request->inspect;
        *planning = (Planning){.plan = plan, .call = call};
        if ((r = job_start(service->jobs, plan, "a plan", NULL, on_plan_done, planning, &problem)) != 0)
                return bus_set_error(error, r, &problem);
        /* on_plan_done() frees these. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        TAKE_PTR(planning);
        return 1;
}

static const CallHandler plan_handler = {.run = start_plan, .describe = describe_change};

int operation_plan(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        const char *verb;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = sd_bus_message_read(message, "s", &verb)) < 0)
                return r;
        request->verb = plan_verb_from_string(verb);
        if (request->verb != PLAN_DETACH && request->verb != PLAN_REATTACH)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no verb '%s' to plan: they are detach and reattach.", TEXT_EXCERPT(verb));
        const MethodAccess *planned = action_find(
                        action_table, BUS_INTERFACE_MANAGER, request->verb == PLAN_DETACH ? "Detach" : "Reattach");
        assert(planned);
        if ((r = request_read_planned_options(request, message, planned, error)) < 0)
                return r;
        return authorize(message, &plan_handler, TAKE_PTR(request), error);
}
