/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/append.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/getter.h"
#include "bus/options.h"
#include "bus/publish.h"

/* userdata of getters and methods is the Job. */

/* Replies with the job's state, and with a sentence that says what the job does now. */
static int cancel(Service *service, sd_bus_message *call, const Caller *caller, void *request, sd_bus_error *error) {
        const unsigned long *number = request;
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *text = NULL;
        JobDescription description;
        int r;

        (void)caller;
        Job *job = job_find(service->jobs, *number);
        r = job ? job_cancel(job, &problem)
                : problem_set(&problem, OUTCOME_BUSY, "Job %lu has just ended: it cannot be cancelled any more.",
                                  *number);
        if (r != 0)
                return errors_set(error, r, &problem);
        assert(job);
        if ((r = job_describe_cancel(job, &text)) < 0 || (r = text_escape_message(&text)) < 0)
                return r;
        job_describe(job, &description);
        return sd_bus_reply_method_return(call, "ss", job_state_to_string(description.state), text);
}

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        JobDescription description;

        int r = options_read(message, "Cancel", NULL, 0, NULL, error);
        if (r < 0)
                return r;
        unsigned long *number = malloc(sizeof(unsigned long));
        if (!number)
                return -ENOMEM;
        job_describe(userdata, &description);
        *number = description.number;
        NextStep next = {.run = cancel, .request = number, .free_request = free};
        return authorize_change(service_of(sd_bus_message_get_bus(message)), message, &next, error);
}

static PciAddress address_of_step(const JobDescription *job) {
        return plan_step_address(job->plan, &job->plan->steps[job->step]);
}

BUS_GETTER(property_get_text) {
        JobDescription job;

        job_describe(userdata, &job);
        return bus_append_text(reply,
                        streq(property, "Kind")                    ? plan_verb_to_string(job.plan->verb)
                                        : streq(property, "State") ? job_state_to_string(job.state)
                                        : streq(property, "Action")
                                        ? step_kind_to_string(job.plan->steps[job.step].kind)
                                        : streq(property, "Address")  ? PCI_ADDRESS_TEXT(address_of_step(&job))
                                        : streq(property, "WaitsFor") ? job.holder
                                                                      : job.caller);
}

BUS_GETTER(property_get_number) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "u",
                        (uint32_t)(streq(property, "Number")                      ? job.number
                                                        : streq(property, "Step") ? job.step + 1
                                                                                  : job.plan->n_steps));
}

BUS_GETTER(property_get_group_number) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "i", job.plan->group);
}

BUS_GETTER(property_get_cancelled) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "b", (int)job.cancelled);
}

BUS_GETTER(property_get_started) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "t", job.started_us);
}

static int append_devices(sd_bus_message *reply, const Plan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (!plan->members[i].created)
                        r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(plan->members[i].address));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_devices) {
        JobDescription job;

        job_describe(userdata, &job);
        return append_devices(reply, job.plan);
}

static const sd_bus_vtable job_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("s", state, "s", message), method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Number", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Kind", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("State", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Cancelled", "b", property_get_cancelled, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("GroupNumber", "i", property_get_group_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("DeviceAddresses", "as", property_get_devices, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Step", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Steps", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Action", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Address", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("WaitsFor", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Caller", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Started", "t", property_get_started, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_VTABLE_END,
};

static int job_path(unsigned long number, char **ret) {
        return asprintf(ret, BUS_PATH_JOBS "/%lu", number) < 0 ? -ENOMEM : 0;
}

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                sd_bus_error *error) {
        const Service *service = userdata;
        _cleanup_free_ char *canonical = NULL;
        char *end;

        (void)bus, (void)interface, (void)error;
        const char *text = startswith(path, BUS_PATH_JOBS "/");
        if (!text)
                return 0;
        errno = 0;
        unsigned long number = strtoul(text, &end, 10);
        if (errno > 0 || end == text || *end != '\0')
                return 0;
        int r = job_path(number, &canonical);
        if (r < 0)
                return r;
        Job *job = job_find(service->jobs, number);
        if (!job || !streq(path, canonical))
                return 0;
        *ret_found = job;
        return 1;
}

static int list_objects(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        const Service *service = userdata;
        size_t n = 0;

        (void)bus, (void)prefix, (void)error;
        for (const Job *job = job_next(service->jobs, NULL); job; job = job_next(service->jobs, job))
                n++;
        char **nodes = calloc(n + 1, sizeof(char *));
        if (!nodes)
                return -ENOMEM;
        size_t i = 0;
        for (const Job *job = job_next(service->jobs, NULL); job; job = job_next(service->jobs, job)) {
                JobDescription description;

                job_describe(job, &description);
                if (job_path(description.number, &nodes[i++]) < 0) {
                        for (nodes[--i] = NULL; i > 0;)
                                free(nodes[--i]);
                        free(nodes);
                        return -ENOMEM;
                }
        }
        *ret_nodes = nodes;
        return 1;
}

static int append_job(sd_bus_message *reply, const Job *job) {
        _cleanup_free_ char *path = NULL;
        JobDescription description;
        int r;

        job_describe(job, &description);
        const Plan *plan = description.plan;
        const PlanStep *step = &plan->steps[description.step];
        if ((r = job_path(description.number, &path)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'r', "uossiasuussssta{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "uossi", (uint32_t)description.number, path,
                                         plan_verb_to_string(description.plan->verb),
                                         job_state_to_string(description.state), description.plan->group)) < 0 ||
                        (r = append_devices(reply, description.plan)) < 0 ||
                        (r = sd_bus_message_append(reply, "uuss", (uint32_t)description.step + 1,
                                         (uint32_t)plan->n_steps, step_kind_to_string(step->kind),
                                         PCI_ADDRESS_TEXT(plan_step_address(plan, step)))) < 0 ||
                        (r = bus_append_text(reply, description.holder)) < 0 ||
                        (r = bus_append_text(reply, description.caller)) < 0 ||
                        (r = sd_bus_message_append(reply, "ta{sv}", description.started_us, 1, "Cancelled", "b",
                                         (int)description.cancelled)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int job_interface_append_all(const Service *service, sd_bus_message *reply) {
        int r = sd_bus_message_open_container(reply, 'a', "(uossiasuussssta{sv})");

        for (const Job *job = job_next(service->jobs, NULL); job && r >= 0; job = job_next(service->jobs, job))
                r = append_job(reply, job);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Signals for jobs. Errors of sending are ignored: they mean that the bus is gone, and the daemon learns that from the bus object. */
static void on_job(const Job *job, JobEvent event, void *userdata) {
        _cleanup_free_ char *path = NULL;
        const Service *service = userdata;
        JobDescription description;

        job_describe(job, &description);
        if (job_path(description.number, &path) < 0)
                return;
        switch (event) {
        case JOB_ADDED:
                (void)sd_bus_emit_interfaces_added(service->bus, path, BUS_INTERFACE_JOB, NULL);
                break;
        case JOB_CHANGED:
                (void)sd_bus_emit_properties_changed(service->bus, path, BUS_INTERFACE_JOB, "State", "Cancelled",
                                "Step", "Steps", "Action", "Address", "WaitsFor", NULL);
                break;
        case JOB_REMOVED:
                (void)sd_bus_emit_interfaces_removed(service->bus, path, BUS_INTERFACE_JOB, NULL);
                break;
        }
}

int job_interface_publish(Service *service) {
        int r;

        if ((r = sd_bus_add_fallback_vtable(service->bus, NULL, BUS_PATH_JOBS, BUS_INTERFACE_JOB, job_vtable,
                             find_object, service)) < 0 ||
                        (r = sd_bus_add_node_enumerator(service->bus, NULL, BUS_PATH_JOBS, list_objects, service)) < 0)
                return r;
        job_table_watch(service->jobs, on_job, service);
        return 0;
}
