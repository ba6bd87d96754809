/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/getter.h"
#include "bus/service.h"

/* userdata of getters and methods is the Job. */

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};

        int r = authorize_change(message, error);
        if (r < 0)
                return r;
        if ((r = job_cancel(userdata, &problem)) != 0)
                return errors_set(error, r, &problem);
        return sd_bus_reply_method_return(message, NULL);
}

static const PlanMember *member_of_step(const JobDescription *job) {
        return &job->plan->members[job->plan->steps[job->step].member];
}

BUS_GETTER(property_get_text) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "s",
                        streq(property, "Kind")                    ? plan_verb_to_string(job.asked->verb)
                                        : streq(property, "State") ? job_state_to_string(job.state)
                                        : streq(property, "Action")
                                        ? step_kind_to_string(job.plan->steps[job.step].kind)
                                        : streq(property, "Address")  ? PCI_ADDRESS_TEXT(member_of_step(&job)->address)
                                        : streq(property, "WaitsFor") ? job.holder
                                                                      : job.caller);
}

BUS_GETTER(property_get_number) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "u",
                        (uint32_t)(streq(property, "Number")                       ? job.number
                                                        : streq(property, "Group") ? (unsigned long)job.asked->group
                                                        : streq(property, "Step")  ? job.step + 1
                                                                                   : job.plan->n_steps));
}

BUS_GETTER(property_get_started) {
        JobDescription job;

        job_describe(userdata, &job);
        return sd_bus_message_append(reply, "t", job.started_us);
}

static int append_devices(sd_bus_message *reply, const Plan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(plan->members[i].address));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_devices) {
        JobDescription job;

        job_describe(userdata, &job);
        return append_devices(reply, job.asked);
}

static const sd_bus_vtable job_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS(
                                "Cancel", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Number", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Kind", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("State", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Group", "u", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Devices", "as", property_get_devices, 0, SD_BUS_VTABLE_PROPERTY_CONST),
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
                        (r = sd_bus_message_open_container(reply, 'r', "uossuasuussssta{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "uossu", (uint32_t)description.number, path,
                                         plan_verb_to_string(description.asked->verb),
                                         job_state_to_string(description.state), (uint32_t)description.asked->group)) <
                                        0 ||
                        (r = append_devices(reply, description.asked)) < 0 ||
                        (r = sd_bus_message_append(reply, "uussssta{sv}", (uint32_t)description.step + 1,
                                         (uint32_t)plan->n_steps, step_kind_to_string(step->kind),
                                         PCI_ADDRESS_TEXT(plan->members[step->member].address), description.holder,
                                         description.caller, description.started_us, 0)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int job_interface_append_all(const Service *service, sd_bus_message *reply) {
        int r = sd_bus_message_open_container(reply, 'a', "(uossuasuussssta{sv})");

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
                (void)sd_bus_emit_properties_changed(service->bus, path, BUS_INTERFACE_JOB, "State", "Step", "Steps",
                                "Action", "Address", "WaitsFor", NULL);
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
