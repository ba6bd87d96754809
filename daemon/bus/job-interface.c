/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/call-entry.h"
#include "bus/caller-dict.h"
#include "bus/error-details.h"
#include "bus/publish.h"

/* userdata of getters and methods is the Job. */

static void log_cancel(
                const Service *service, const Caller *caller, const Request *request, const JobDescription *job) {
        _cleanup_call_entry_ CallEntry entry = {};

        call_entry_begin(&entry, service, caller, request);
        log_fields_add(&entry.fields, "VFIOD_JOB", "%lu", job->number);
        log_fields_add(&entry.fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(job->plan->selected));
        call_entry_log_done(&entry, MESSAGE_CANCEL_ASKED, "Job %lu is cancelled: %s of %s", job->number,
                        plan_verb_to_string(job->plan->verb), PCI_ADDRESS_TEXT(job->plan->selected));
}

/* Replies with the state of the job, and with a sentence that says what the job does now. */
static int cancel(Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_free_ char *text = NULL;
        int r;

        Job *job = job_find(service->jobs, request->number);
        bool was_cancelled = job && job_describe(job).cancelled;
        r = job ? job_cancel(job, &problem)
                : problem_set(&problem, OUTCOME_BUSY, "Job %lu has just ended, so it cannot be cancelled any more.",
                                  request->number);
        if (r != 0)
                return bus_set_error(error, r, &problem);
        assert(job);
        JobDescription description = job_describe(job);
        if (!was_cancelled)
                log_cancel(service, caller, request, &description);
        if ((r = job_describe_cancel(job, &text)) < 0 || (r = text_escape_message(&text)) < 0)
                return r;
        return sd_bus_reply_method_return(call, "ss", job_state_to_string(description.state), text);
}

/* A job that has ended belongs to root. */
static uid_t get_owner(const Service *service, const Request *request) {
        const Job *job = job_find(service->jobs, request->number);

        return job ? job_describe(job).owner : 0;
}

static const CallHandler cancel_handler = {.run = cancel, .get_owner = get_owner};

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        if ((r = request_new(message, &request)) < 0 || (r = request_read_options(request, message, error)) < 0)
                return r;
        request->number = job_describe(userdata).number;
        return authorize(message, &cancel_handler, TAKE_PTR(request), error);
}

static PciAddress address_of_step(const JobDescription *job) {
        return plan_step_address(job->plan, &job->plan->steps[job->step]);
}

/* Everybody on the system bus reads the job, so it does not tell there which process the job waits for. */
static const char *describe_holder(sd_bus *bus, const JobDescription *job) {
        return isempty(job->holder) || service_find_peer(service_of(bus), bus) ? job->holder : "a process";
}

BUS_GETTER(property_get_text) {
        JobDescription job = job_describe(userdata);

        return bus_append_text(reply,
                        streq(property, "Kind")                    ? plan_verb_to_string(job.plan->verb)
                                        : streq(property, "State") ? job_state_to_string(job.state)
                                        : streq(property, "Action")
                                        ? step_kind_to_string(job.plan->steps[job.step].kind)
                                        : streq(property, "Address") ? PCI_ADDRESS_TEXT(address_of_step(&job))
                                                                     : describe_holder(bus, &job));
}

BUS_GETTER(property_get_number) {
        JobDescription job = job_describe(userdata);

        return sd_bus_message_append(reply, "u",
                        (uint32_t)(streq(property, "Number")                      ? job.number
                                                        : streq(property, "Step") ? job.step + 1
                                                                                  : job.plan->n_steps));
}

BUS_GETTER(property_get_group_number) {
        return sd_bus_message_append(reply, "i", job_describe(userdata).plan->group);
}

BUS_GETTER(property_get_cancelled) {
        return sd_bus_message_append(reply, "b", (int)job_describe(userdata).cancelled);
}

BUS_GETTER(property_get_caller) {
        return caller_dict_append(reply, job_describe(userdata).fields);
}

BUS_GETTER(property_get_started) {
        return sd_bus_message_append(reply, "t", job_describe(userdata).started_us);
}

static int append_devices(sd_bus_message *reply, const Plan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (!plan->members[i].created)
                        r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(plan->members[i].address));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_devices) {
        return append_devices(reply, job_describe(userdata).plan);
}

const sd_bus_vtable job_vtable[] = {
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
                SD_BUS_PROPERTY("Caller", "a{sv}", property_get_caller, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Started", "t", property_get_started, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_VTABLE_END,
};

#define JOB_ROW "uossiasuusssa{sv}ta{sv}"

static int append_job(sd_bus_message *reply, const JobDescription *job) {
        const Plan *plan = job->plan;
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = service_job_path(job->number, &path)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'r', JOB_ROW)) < 0 ||
                        (r = sd_bus_message_append(reply, "uossi", (uint32_t)job->number, path,
                                         plan_verb_to_string(plan->verb), job_state_to_string(job->state),
                                         plan->group)) < 0 ||
                        (r = append_devices(reply, plan)) < 0 ||
                        (r = sd_bus_message_append(reply, "uuss", (uint32_t)job->step + 1, (uint32_t)plan->n_steps,
                                         step_kind_to_string(plan->steps[job->step].kind),
                                         PCI_ADDRESS_TEXT(address_of_step(job)))) < 0 ||
                        (r = bus_append_text(reply, describe_holder(sd_bus_message_get_bus(reply), job))) < 0 ||
                        (r = caller_dict_append(reply, job->fields)) < 0 ||
                        (r = sd_bus_message_append(reply, "ta{sv}", job->started_us, 1, "Cancelled", "b",
                                         (int)job->cancelled)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

/* Appends a job that has ended. It has no object any more. */
static int append_ended(const Service *service, sd_bus_message *reply, const EndedJob *job) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        bool tells_all = service_find_peer(service, sd_bus_message_get_bus(reply));
        bool failed = ended_job_set_error(job, tells_all, &error);
        int r;

        if ((r = sd_bus_message_open_container(reply, 'r', JOB_ROW)) < 0 ||
                        (r = sd_bus_message_append(reply, "uossi", (uint32_t)job->number, "/",
                                         plan_verb_to_string(job->verb), failed ? "failed" : "done", job->group)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < job->n_addresses && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(job->addresses[i]));
        if (r < 0 || (r = sd_bus_message_close_container(reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "uusss", (uint32_t)job->n_begun, (uint32_t)job->n_steps, "",
                                         "", "")) < 0 ||
                        (r = caller_dict_append(reply, &job->caller)) < 0 ||
                        (r = sd_bus_message_append(reply, "t", job->started_us)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "Cancelled", "b", (int)job->cancelled,
                                         "Ended", "t", job->ended_us, "Error", "s", strempty(error.name), "Message",
                                         "s", strempty(error.message))) < 0 ||
                        (r = error_details_append_job(reply, service, job, tells_all)) < 0 ||
                        (r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int job_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Service *service = userdata;
        const JobHistory *history = job_table_history(service->jobs);

        (void)error;
        int r = bus_open_list(message, "(" JOB_ROW ")", &reply);
        for (const Job *job = job_next(service->jobs, NULL); job && r >= 0; job = job_next(service->jobs, job)) {
                JobDescription description = job_describe(job);
                r = append_job(reply, &description);
        }
        for (uint64_t i = history->n_ended; i > 0 && history->n_ended - i < JOB_HISTORY_MAX && r >= 0; i--) {
                const EndedJob *job = job_history_find(history, i);

                if (job)
                        r = append_ended(service, reply, job);
        }
        return r < 0 ? r : bus_send_list(reply);
}
