/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/plan-interface.h"
#include "bus/authorize.h"
#include "bus/error-details.h"
#include "bus/selected-plan.h"
#include "model/availability.h"

/* A call of Plan that is not answered yet. The service outlives it, because all calls are answered before the service ends. */
typedef struct Planning {
        const Service *service;
        const Plan *plan; /* belongs to the job, which lives until it calls on_plan_done(); NULL: no plan can be made */
        sd_bus_message *call;
        ObstacleList obstacles;
        PciAddress selected; /* the device, or the first of the group */
        PlanVerb verb;
        unsigned overrides;
        bool force, all_groups;
        FailureContext context;
} Planning;

static Planning *planning_free(Planning *planning) {
        if (!planning)
                return NULL;
        obstacle_list_done(&planning->obstacles);
        sd_bus_message_unref(planning->call);
        free(planning);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Planning *, planning_free)

/* The reply. */

static int append_steps(sd_bus_message *reply, const Planning *planning) {
        const Plan *plan = planning->plan;
        int r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})");

        for (size_t i = 0; plan && i < plan->n_steps && r >= 0; i++) {
                const PlanStep *step = &plan->steps[i];
                char reason[PLAN_REASON_MAX];

                r = sd_bus_message_append(reply, "(sssa{sv})", step_kind_to_string(step->kind),
                                PCI_ADDRESS_TEXT(plan_step_address(plan, step)), plan_step_reason(plan, step, reason),
                                0);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_warnings(sd_bus_message *reply, const Plan *plan, const Report *report) {
        int r;

        if ((plan ? plan->n_warnings : 0) + report->n_warnings == 0)
                return 0;
        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(reply, "s", "warnings")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "as")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; plan && i < plan->n_warnings && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", plan->warnings[i]);
        for (size_t i = 0; i < report->n_warnings && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", report->warnings[i]);
        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

/* The groups in which a guard refuses. */
typedef struct UsedGroups {
        int *numbers;
        size_t n_numbers;
        bool is_incomplete; /* there were too many findings to keep each of them */
} UsedGroups;

static void used_groups_done(UsedGroups *used) {
        free(used->numbers);
}

static int find_used_groups(const FindingSource *source, UsedGroups *ret) {
        const FindingList *list = source->findings;

        ret->numbers = calloc(list->n_findings + 1, sizeof(int));
        if (!ret->numbers)
                return -ENOMEM;
        ret->is_incomplete = list->n_findings > FINDINGS_MAX;
        for (size_t i = 0; i < list->n_findings; i++)
                if (!finding_is_overridden(source, &list->findings[i]))
                        ret->numbers[ret->n_numbers++] = finding_group(source->service, list->findings[i].address);
        return 0;
}

/* Returns the availability of the group in a word. */
static const char *describe_group(const Group *group, const UsedGroups *used) {
        Availability availability = group_availability(group);

        if (availability != AVAILABILITY_AVAILABLE)
                return availability_to_string(availability);
        for (size_t i = 0; i < used->n_numbers; i++)
                if (used->numbers[i] == group->number)
                        return "in-use";
        return used->is_incomplete ? availability_to_string(AVAILABILITY_UNKNOWN)
                                   : availability_to_string(availability);
}

static int append_groups(sd_bus_message *reply, const FindingSource *source) {
        _cleanup_(used_groups_done) UsedGroups used = {};
        size_t n;
        int r;

        if ((r = find_used_groups(source, &used)) < 0)
                return r;
        Group *const *groups = inventory_groups(source->service->inventory, &n);
        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(reply, "s", "Groups")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "a(isa{sv})")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(isa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = sd_bus_message_append(
                                reply, "(isa{sv})", (int32_t)groups[i]->number, describe_group(groups[i], &used), 0);
        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_details(
                sd_bus_message *reply, const Planning *planning, const FindingSource *source, const Report *report) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = append_warnings(reply, planning->plan, report)) < 0 ||
                        (planning->all_groups && (r = append_groups(reply, source)) < 0))
                return r;
        return sd_bus_message_close_container(reply);
}

/* The report is empty if no plan can be made. */
static int reply_plan(const Planning *planning, const Report *report) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        FindingSource source = {
                        .service = planning->service,
                        .verb = planning->verb,
                        .selected = planning->selected,
                        .force = planning->force,
                        .overrides = planning->overrides,
                        .findings = &report->findings,
                        .obstacles = &planning->obstacles,
        };
        char fingerprint[17] = "";
        int r;

        if (report->fingerprint != 0 && !planning->all_groups)
                (void)snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)report->fingerprint);
        if ((r = sd_bus_message_new_method_return(planning->call, &reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "b", (int)finding_rows_permit(&source))) < 0 ||
                        (r = append_steps(reply, planning)) < 0 || (r = finding_rows_append(reply, &source)) < 0 ||
                        (r = sd_bus_message_append(reply, "s", fingerprint)) < 0 ||
                        (r = append_details(reply, planning, &source, report)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static void on_plan_done(const WorkerResult *result, void *userdata) {
        _cleanup_(planning_freep) Planning *planning = userdata;
        const Problem *problem = &result->problem;
        int r = result->error < 0 ? result->error : (int)problem->outcome;

        /* What the worker met before it examined the host. */
        if (r > 0 && obstacle_to_string(problem->outcome))
                r = obstacle_list_add(&planning->obstacles, problem->outcome, planning->selected, "%s",
                                strempty(problem->message));
        if (r == 0)
                (void)reply_plan(planning, &result->report);
        else if (r < 0 && result->error == 0)
                (void)sd_bus_reply_method_errno(planning->call, r, NULL);
        else
                (void)error_details_reply_job(planning->call, &planning->context, result);
}

/* The plan. */

/* Plans for all groups. */
static int plan_all(const Request *request, Planning *planning, Plan **ret, Problem *problem) {
        const Service *service = planning->service;
        const Lease *lease = NULL;
        IommuReport iommu;

        iommu_examine(service->kernel, &iommu);
        int r = plan_refuse_without_iommu(&iommu, problem);
        if (r != 0 || (r = plan_survey(service->inventory, &planning->obstacles, ret)) < 0)
                return r;
        (*ret)->overrides = request->overrides;
        while (r >= 0 && (lease = lease_next(service->leases, lease))) {
                LeaseDescription description = lease_describe(lease);

                for (size_t i = 0; i < description.n_addresses && r >= 0; i++)
                        r = selected_plan_note_lease(service, &planning->obstacles, description.addresses[i]);
        }
        if (r >= 0 && (*ret)->n_members == 0)
                *ret = plan_free(*ret);
        return r;
}

/* Starts the job, or replies at once if there is nothing that a worker could examine. Takes the plan and the planning over. */
static int start_job(Service *service, Plan *plan, Planning *planning, Problem *problem) {
        _cleanup_(planning_freep) Planning *owned = planning;

        if (!plan)
                return reply_plan(planning, &(Report){}) < 0 ? -ENOMEM : 0;
        planning->plan = plan;
        int r = job_start(service->jobs, plan, "a plan", NULL, on_plan_done, planning, problem);
        /* on_plan_done() frees it. The event loop calls it later, never from here. */
        if (r == 0)
                TAKE_PTR(owned);
        return r;
}

static int start_plan(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(planning_freep) Planning *planning = calloc(1, sizeof(Planning));
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if (!planning)
                return -ENOMEM;
        *planning = (Planning){
                        .service = service,
                        .call = sd_bus_message_ref(call),
                        .verb = request->verb,
                        .overrides = request->overrides,
                        .force = request->force,
                        .all_groups = request->selector[0] == '\0',
        };
        /* The quota comes first, before vfiod does any work for the caller. */
        if ((r = job_check_plan_quota(service->jobs, caller->uid, &problem)) != 0)
                return bus_set_error(error, r, &problem);
        r = planning->all_groups ? plan_all(request, planning, &plan, &problem)
                                 : selected_plan_find_obstacles(service, request, &planning->obstacles,
                                                   &planning->selected, &plan, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        if (plan) {
                plan->only_plan = true;
                plan->asker = caller->uid;
                plan->inspect = request->inspect;
                planning->context = failure_context_new(service, request, plan->selected, plan->group);
        }
        r = start_job(service, TAKE_PTR(plan), TAKE_PTR(planning), &problem);
        return r == 0 ? 1 : bus_set_error(error, r, &problem);
}

static int describe_plan(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        _cleanup_obstacles_ ObstacleList obstacles = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        Selection selection;
        int r;

        if (request->selector[0] == '\0')
                return 0;
        if ((r = selector_resolve(service->inventory, request->selector, &selection, problem)) != 0)
                return r;
        r = selected_plan_make(service, request, &selection, &obstacles, &plan, problem);
        if (r == 0)
                return call_details_set_plan(details, service, plan);
        if (r < 0 || !obstacle_to_string((Outcome)r))
                return r;
        if (selection.device)
                return call_details_set_devices(details, service, (const Device *const *)&selection.device, 1);
        return call_details_set_devices(
                        details, service, (const Device *const *)selection.group->members, selection.group->n_members);
}

static const CallHandler plan_handler = {.run = start_plan, .describe = describe_plan};

/* A plan for all groups has no options about one device. */
static int check_all_groups(const Request *request, sd_bus_error *error) {
        if (request->selector[0] != '\0')
                return 0;
        if (request->verb != PLAN_DETACH)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Without a selector, only the verb detach can be planned.");
        if (request->companions.n_entries > 0 || request->driver || request->fingerprint != 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                "A plan for all groups has only the options 'override' and 'inspect'.");
        return 0;
}

/* Returns the method that does what is planned; NULL if there is no plan for the verb. */
static const char *find_method(PlanVerb verb) {
        switch (verb) {
        case PLAN_DETACH:
                return "Detach";
        case PLAN_REATTACH:
                return "Reattach";
        case PLAN_RESET:
                return "Reset";
        default:
                return NULL;
        }
}

int plan_interface_plan(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        const char *verb;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0 || (r = sd_bus_message_read(message, "s", &verb)) < 0)
                return r;
        request->verb = plan_verb_from_string(verb);
        const char *member = find_method(request->verb);
        if (!member)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no verb '%s' to plan: they are detach, reattach and reset.",
                                TEXT_EXCERPT(verb));
        const MethodAccess *planned = action_find(action_table, BUS_INTERFACE_MANAGER, member);
        assert(planned);
        if ((r = request_read_planned_options(request, message, planned, error)) < 0 ||
                        (r = check_all_groups(request, error)) < 0)
                return r;
        return authorize(message, &plan_handler, TAKE_PTR(request), error);
}
