/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/dry-run.h"
#include "bus/error-details.h"
#include "bus/publish.h"
#include "bus/selected-plan.h"
#include "policy/lease-check.h"

/* userdata of getters and of Release is the Lease; that of methods of the Manager is the Service. */

/* Lists of strings. */

static int append_addresses(sd_bus_message *reply, const LeaseDescription *lease) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (size_t i = 0; i < lease->n_addresses && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(lease->addresses[i]));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_nodes(sd_bus_message *reply, const LeaseDescription *lease) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (char *const *node = lease->nodes; node && *node && r >= 0; node++)
                r = sd_bus_message_append(reply, "s", *node);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Appends an entry of a dictionary, whose value is such a list. */
static int append_list_entry(sd_bus_message *reply, const char *key, const LeaseDescription *lease,
                int (*append)(sd_bus_message *reply, const LeaseDescription *lease)) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(reply, "s", key)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "as")) < 0 || (r = append(reply, lease)) < 0 ||
                        (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

/* Everybody on the system bus can read the properties, so the holder has no name there. */
static const char *describe_holder(sd_bus *bus, const LeaseDescription *lease) {
        return isempty(lease->holder) || service_find_peer(service_of(bus), bus) ? lease->holder : "a process";
}

/* Lease. */

static int append_start_details(sd_bus_message *reply, const Service *service, const LeaseDescription *lease) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "{sv}{sv}{sv}", "number", "u", lease->number, "group", "i",
                                         lease->group, "socket", "s", strempty(service->lease_socket))) < 0 ||
                        (r = append_list_entry(reply, "addresses", lease, append_addresses)) < 0 ||
                        (r = append_list_entry(reply, "nodes", lease, append_nodes)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

/* A call of Lease that is not answered yet. The service outlives it, because all calls are answered before the service ends. */
typedef struct Beginning {
        const Service *service;
        sd_bus_message *call;
        FailureContext context;
} Beginning;

static int reply_started(const Beginning *beginning, const LeaseDescription *lease) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = service_lease_path(lease->number, &path)) < 0 ||
                        (r = sd_bus_message_new_method_return(beginning->call, &reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "os", path, lease->ticket)) < 0 ||
                        (r = append_start_details(reply, beginning->service, lease)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

/* If the caller is gone, nobody claims the lease, and it ends. */
static void on_started(const Lease *lease, const WorkerResult *result, void *userdata) {
        _cleanup_free_ Beginning *beginning = userdata;

        if (lease) {
                LeaseDescription description = lease_describe(lease);
                (void)reply_started(beginning, &description);
        } else
                (void)error_details_reply_job(beginning->call, &beginning->context, result);
        sd_bus_message_unref(beginning->call);
}

/* Finds the group, and makes the plan that detaches it; NULL if it is detached. The caller frees *ret. */
static int prepare(const Service *service, const Request *request, Selection *selection, Plan **ret, Problem *problem) {
        IommuReport iommu;
        int r;

        iommu_examine(service->kernel, &iommu);
        if ((r = selector_resolve(service->inventory, request->selector, selection, problem)) != 0 ||
                        (r = lease_table_refuse(service->leases, selection, problem)) != 0 ||
                        (r = lease_check(selection, &iommu, request->overrides, problem)) != 0)
                return r;
        r = selected_plan_detach(service, request, selection, &iommu, NULL, ret, problem);
        if (r != OUTCOME_ALREADY_DETACHED)
                return r;
        if (request->fingerprint != 0)
                return problem_set(problem, OUTCOME_PLAN_STALE,
                                "The group is detached now, which it was not when the plan was made. Nothing was "
                                "changed: "
                                "try again without the plan.");
        return 0;
}

static PciAddress first_endpoint(const Group *group) {
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint)
                        return group->members[i]->address;
        return (PciAddress){};
}

static int append_endpoints(sd_bus_message *reply, const Group *group) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(reply, "s", "addresses")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "as")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < group->n_members && r >= 0; i++)
                if (group->members[i]->endpoint)
                        r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(group->members[i]->address));
        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

/* There is no lease, so it has no path, no ticket and no number. */
static int make_dry_reply(sd_bus_message *call, const Group *group, bool detaches, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "os", "/", "")) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "{sv}{sv}", "group", "i", group->number, "detaches", "b",
                                         (int)detaches)) < 0 ||
                        (r = append_endpoints(reply, group)) < 0 || (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        *ret = TAKE_PTR(reply);
        return 0;
}

/* What the caller asks for. Nothing is copied. */
static LeaseWish make_wish(const Caller *caller, const Request *request, const Group *group, Plan *plan) {
        return (LeaseWish){
                        .uid = caller->uid,
                        .pid = (pid_t)request->pid,
                        .descriptors = request->descriptors,
                        .kill = request->kill,
                        .group = group,
                        .plan = plan,
        };
}

/* Checks what start_lease() would check. */
static int try_lease(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        Selection selection;
        int r;

        if ((r = dry_run_check_quota(service, caller, &problem)) != 0 ||
                        (r = prepare(service, request, &selection, &plan, &problem)) != 0)
                return bus_set_error(error, r, &problem);
        LeaseWish wish = make_wish(caller, request, selection.group, plan);
        wish.caller = "a dry run";
        if ((r = lease_check_start(service->leases, &wish, &problem)) == 0 &&
                        (r = make_dry_reply(call, selection.group, plan != NULL, &reply)) == 0)
                r = dry_run_start(service, call, reply, caller, request, TAKE_PTR(plan), &problem);
        return r == 0 ? 1 : bus_set_error(error, r, &problem);
}

static int start_lease(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_free_ Beginning *beginning = malloc(sizeof(Beginning));
        _cleanup_problem_ Problem problem = {};
        _cleanup_call_entry_ CallEntry entry = {};
        Selection selection;
        Plan *plan = NULL;

        if (request->dry_run)
                return try_lease(service, call, caller, request, error);
        if (!beginning)
                return -ENOMEM;
        *beginning = (Beginning){.service = service, .call = call};
        int r = prepare(service, request, &selection, &plan, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        if (plan)
                plan->asker = caller->uid;
        beginning->context =
                        failure_context_new(service, request, first_endpoint(selection.group), selection.group->number);
        call_entry_begin(&entry, service, caller, request);
        LeaseWish wish = make_wish(caller, request, selection.group, plan);
        wish.caller = entry.caller;
        wish.fields = &entry.fields;
        r = lease_start(service->leases, &wish, on_started, beginning, &problem);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        /* on_started() frees these. The event loop calls it later, never from here. */
        sd_bus_message_ref(call);
        TAKE_PTR(beginning);
        return 1;
}

/* Describes the endpoints of the group, as a plan does. Its bridges do not change. */
static int describe_group(const Service *service, const Group *group, CallDetails *details) {
        _cleanup_free_ const Device **endpoints = calloc(group->n_members + 1, sizeof(Device *));
        size_t n = 0;

        if (!endpoints)
                return -ENOMEM;
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint)
                        endpoints[n++] = group->members[i];
        return call_details_set_devices(details, service, endpoints, n);
}

static int describe_lease(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Selection selection;

        int r = prepare(service, request, &selection, &plan, problem);
        if (r != 0)
                return r;
        if (plan)
                return call_details_set_plan(details, service, plan);
        r = describe_group(service, selection.group, details);
        return r < 0 ? r : call_details_set_overrides(details, request->overrides);
}

static int explain_lease(const Service *service, const Request *request, ObstacleList *obstacles) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        PciAddress selected;

        int r = selected_plan_find_obstacles(service, request, obstacles, &selected, &plan, &problem);
        if (r < 0)
                return r;
        /* Devices that are detached can be leased. */
        obstacle_list_drop(obstacles, OUTCOME_ALREADY_DETACHED);
        return 0;
}

static const CallHandler lease_handler = {.run = start_lease, .describe = describe_lease, .explain = explain_lease};

int lease_interface_start(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        (void)userdata;
        if ((r = request_new(message, &request)) < 0)
                return r;
        request->verb = PLAN_DETACH;
        if ((r = request_read_options_or_dry_run(request, message, error)) < 0)
                return r;
        return authorize(message, &lease_handler, TAKE_PTR(request), error);
}

/* Release. */

static int release(
                Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};

        (void)caller;
        Lease *lease = lease_find(service->leases, (unsigned)request->number);
        int r = lease ? lease_release(lease, request->force, &problem) : 0;
        if (r != 0)
                return bus_set_error(error, r, &problem);
        return sd_bus_reply_method_return(call, NULL);
}

/* A lease that is over belongs to root. */
static uid_t get_owner(const Service *service, const Request *request) {
        const Lease *lease = lease_find(service->leases, (unsigned)request->number);

        return lease ? lease_describe(lease).uid : 0;
}

static int describe_release(const Service *service, const Request *request, CallDetails *details, Problem *problem) {
        const Lease *lease = lease_find(service->leases, (unsigned)request->number);

        if (!lease)
                return 0;
        LeaseDescription description = lease_describe(lease);
        const Device *device = inventory_find_device(service->inventory, description.addresses[0]);
        (void)problem;
        return device && device->group ? describe_group(service, device->group, details) : 0;
}

static const CallHandler release_handler = {.run = release, .describe = describe_release, .get_owner = get_owner};

static int method_release(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        request->number = lease_describe(userdata).number;
        return authorize(message, &release_handler, TAKE_PTR(request), error);
}

/* Properties. */

BUS_GETTER(property_get_number) {
        LeaseDescription lease = lease_describe(userdata);

        return sd_bus_message_append(reply, "u",
                        streq(property, "Number")                ? lease.number
                                        : streq(property, "Uid") ? (uint32_t)lease.uid
                                                                 : (uint32_t)lease.pid);
}

BUS_GETTER(property_get_text) {
        LeaseDescription lease = lease_describe(userdata);

        return bus_append_text(reply,
                        streq(property, "State") ? lease_state_to_string(lease.state) : describe_holder(bus, &lease));
}

BUS_GETTER(property_get_list) {
        LeaseDescription lease = lease_describe(userdata);

        return streq(property, "Nodes") ? append_nodes(reply, &lease) : append_addresses(reply, &lease);
}

BUS_GETTER(property_get_group) {
        return sd_bus_message_append(reply, "i", lease_describe(userdata).group);
}

BUS_GETTER(property_get_descriptors) {
        return sd_bus_message_append(reply, "b", (int)lease_describe(userdata).descriptors);
}

BUS_GETTER(property_get_since) {
        return sd_bus_message_append(reply, "t", lease_describe(userdata).since_us);
}

const sd_bus_vtable lease_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, method_release,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Number", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("State", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Uid", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Pid", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("GroupNumber", "i", property_get_group, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("DeviceAddresses", "as", property_get_list, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Nodes", "as", property_get_list, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Descriptors", "b", property_get_descriptors, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Since", "t", property_get_since, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Holder", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_VTABLE_END,
};

/* ListLeases. */

static int append_lease(sd_bus_message *reply, const LeaseDescription *lease) {
        _cleanup_free_ char *path = NULL, *holder = NULL;
        int r;

        if ((r = service_lease_path(lease->number, &path)) < 0)
                return r;
        holder = text_escape_new(describe_holder(sd_bus_message_get_bus(reply), lease), TEXT_MESSAGE_ESCAPE);
        if (!holder)
                return -ENOMEM;
        if ((r = sd_bus_message_open_container(reply, 'r', "uosutuiasa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "uosutui", lease->number, path,
                                         lease_state_to_string(lease->state), (uint32_t)lease->uid, lease->since_us,
                                         (uint32_t)lease->pid, lease->group)) < 0 ||
                        (r = append_addresses(reply, lease)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = append_list_entry(reply, "Nodes", lease, append_nodes)) < 0 ||
                        (r = sd_bus_message_append(reply, "{sv}{sv}", "Descriptors", "b", (int)lease->descriptors,
                                         "Holder", "s", holder)) < 0 ||
                        (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int lease_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Service *service = userdata;

        (void)error;
        int r = bus_open_list(message, "(uosutuiasa{sv})", &reply);
        for (const Lease *lease = lease_next(service->leases, NULL); lease && r >= 0;
                        lease = lease_next(service->leases, lease)) {
                LeaseDescription description = lease_describe(lease);
                r = append_lease(reply, &description);
        }
        return r < 0 ? r : bus_send_list(reply);
}
