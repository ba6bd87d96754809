/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/operation.h"
#include "bus/append.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/options.h"

/* The arguments of a Detach, Reattach or Plan. */
typedef struct Request {
        PlanVerb verb;
        char *selector;
        OptionList companions;
        unsigned overrides;
        uint64_t fingerprint; /* 0 where none was given */
        bool force, adopt;
} Request;

static void request_free(void *userdata) {
        Request *request = userdata;

        free(request->selector);
        option_list_done(&request->companions);
        free(request);
}

static int read_fingerprint(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        Request *request = userdata;
        const char *text;
        char *end;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is the fingerprint of a plan (s).", key);
        errno = 0;
        request->fingerprint = strtoull(text, &end, 16);
        if (errno > 0 || strlen(text) != 16 || *end != '\0' || request->fingerprint == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no fingerprint of a plan: make one with Plan.", TEXT_EXCERPT(text));
        return 0;
}

static int read_companions(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        return option_read_list(message, key, &((Request *)userdata)->companions, error);
}

static int read_overrides(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        (void)key;
        return option_read_overrides(message, &((Request *)userdata)->overrides, error);
}

static int read_flag(sd_bus_message *message, const char *key, void *userdata, sd_bus_error *error) {
        Request *request = userdata;

        return option_read_flag(message, key, streq(key, "force") ? &request->force : &request->adopt, error);
}

static const Option detach_options[] = {
                {"companions", read_companions},
                {"override", read_overrides},
                {"plan", read_fingerprint},
};

static const Option reattach_options[] = {
                {"force", read_flag},
                {"adopt", read_flag},
                {"plan", read_fingerprint},
};

/* Reads the options, behind which nothing follows. An option that the verb does not have is refused: the caller expects
 * an effect from it. */
static int request_read(
                sd_bus_message *message, PlanVerb verb, const char *selector, Request **ret, sd_bus_error *error) {
        Request *request = calloc(1, sizeof(Request));

        if (!request)
                return -ENOMEM;
        request->verb = verb;
        request->selector = selector_copy(selector);
        int r = !request->selector ? -ENOMEM
                        : verb == PLAN_DETACH
                        ? options_read(message, "Detach", detach_options, ELEMENTSOF(detach_options), request, error)
                        : options_read(message, "Reattach", reattach_options, ELEMENTSOF(reattach_options), request,
                                          error);
        if (r < 0) {
                request_free(request);
                return r;
        }
        *ret = request;
        return 0;
}

static int reply_changes(sd_bus_message *call, const WorkerResult *result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < result->report.n_changes; i++) {
                const DriverChange *change = &result->report.changes[i];

                r = sd_bus_message_append(reply, "(sssa{sv})", PCI_ADDRESS_TEXT(change->address),
                                TEXT_NAME(change->before), TEXT_NAME(change->after), 0);
                if (r < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

void operation_on_done(const WorkerResult *result, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = userdata;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        if (result->error == 0 && result->problem.outcome == OUTCOME_DONE) {
                (void)reply_changes(call, result);
                return;
        }
        (void)errors_set(&error, result->error, &result->problem);
        (void)sd_bus_reply_method_error(call, &error);
}

static int make_plan(Service *service, const Request *request, Plan **ret, Problem *problem) {
        Selection selection;
        IommuReport iommu;

        int r = selector_resolve(service->inventory, request->selector, &selection, problem);
        if (r != 0)
                return r;
        if (request->verb == PLAN_DETACH) {
                DetachOptions detach = {
                                .companions = (const char *const *)request->companions.entries,
                                .whole_group = !selection.device,
                                .overrides = request->overrides,
                };
                iommu_examine(service->kernel, &iommu);
                r = plan_detach(service->inventory, &selection, &iommu, &detach, ret, problem);
        } else
                r = plan_reattach(service->inventory, &selection,
                                &(ReattachOptions){.force = request->force, .adopt = request->adopt}, ret, problem);
        if (r == 0)
                (*ret)->fingerprint = request->fingerprint;
        return r;
}

static int start_change(
                Service *service, sd_bus_message *call, const Caller *caller, void *userdata, sd_bus_error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        char text[CALLER_TEXT_MAX];

        int r = make_plan(service, userdata, &plan, &problem);
        if (r == 0)
                r = job_start(service->jobs, TAKE_PTR(plan), authorize_caller_text(service, caller, text),
                                operation_on_done, call, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        /* operation_on_done() unrefs it; the event loop calls it later, never from this handler. */
        sd_bus_message_ref(call);
        return 1;
}

static int operation_start(
                Service *service, sd_bus_message *message, PlanVerb verb, const char *selector, sd_bus_error *error) {
        Request *request = NULL;

        int r = request_read(message, verb, selector, &request, error);
        if (r < 0)
                return r;
        NextStep next = {
                        .run = start_change,
                        .request = request,
                        .free_request = request_free,
                        .size = request->companions.size,
        };
        return authorize_change(service, message, &next, error);
}

int operation_detach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error) {
        return operation_start(service, message, PLAN_DETACH, selector, error);
}

int operation_reattach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error) {
        return operation_start(service, message, PLAN_REATTACH, selector, error);
}

/* Plan: the same way, up to the point where something would be written. */

typedef struct Planning {
        Plan *plan; /* a second one, for the reply: the job owns the first */
        sd_bus_message *call;
} Planning;

static void planning_free(Planning *planning) {
        plan_free(planning->plan);
        sd_bus_message_unref(planning->call);
        free(planning);
}

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

/* A reattach finds virtual machines only, and goes on with its option 'force'. */
static bool is_overridden(const Plan *plan, const Finding *finding) {
        return plan->verb == PLAN_REATTACH ? plan->force : plan->overrides & 1U << finding->guard;
}

static int append_findings(sd_bus_message *reply, const FindingList *findings, const Plan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "(sssba{sv})");

        for (size_t i = 0; i < findings->n_findings && r >= 0; i++) {
                const Finding *finding = &findings->findings[i];

                if ((r = sd_bus_message_open_container(reply, 'r', "sssba{sv}")) >= 0 &&
                                (r = sd_bus_message_append(reply, "ss", guard_to_string(finding->guard),
                                                 PCI_ADDRESS_TEXT(finding->address))) >= 0 &&
                                (r = bus_append_text(reply, finding->evidence)) >= 0 &&
                                (r = sd_bus_message_append(reply, "ba{sv}", (int)is_overridden(plan, finding), 0)) >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_plan(const Planning *planning, const Report *report) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Plan *plan = planning->plan;
        char fingerprint[17];
        bool would_go = true;
        int r;

        for (size_t i = 0; i < report->findings.n_findings; i++)
                would_go = would_go && is_overridden(plan, &report->findings.findings[i]);
        (void)snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)report->fingerprint);
        if ((r = sd_bus_message_new_method_return(planning->call, &reply)) < 0 ||
                        (r = sd_bus_message_append(reply, "b", (int)would_go)) < 0 ||
                        (r = append_steps(reply, plan)) < 0 ||
                        (r = append_findings(reply, &report->findings, plan)) < 0 ||
                        (r = sd_bus_message_append(reply, "sa{sv}", fingerprint, 0)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

static void on_plan_done(const WorkerResult *result, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Planning *planning = userdata;

        if (result->error == 0 && result->problem.outcome == OUTCOME_DONE)
                (void)reply_plan(planning, &result->report);
        else {
                (void)errors_set(&error, result->error, &result->problem);
                (void)sd_bus_reply_method_error(planning->call, &error);
        }
        planning_free(planning);
}

static int start_plan(
                Service *service, sd_bus_message *call, const Caller *caller, void *userdata, sd_bus_error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};

        /* Before any work is done for the caller. */
        int r = job_check_plan_quota(service->jobs, caller->uid, &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        Planning *planning = calloc(1, sizeof(Planning));
        if (!planning)
                return -ENOMEM;
        planning->call = sd_bus_message_ref(call);
        if ((r = make_plan(service, userdata, &planning->plan, &problem)) == 0 &&
                        (r = make_plan(service, userdata, &plan, &problem)) == 0) {
                plan->only_plan = true;
                plan->asker = caller->uid;
                r = job_start(service->jobs, TAKE_PTR(plan), "a plan", on_plan_done, planning, &problem);
        }
        if (r == 0)
                return 1;
        planning_free(planning);
        return errors_set(error, r, &problem);
}

int operation_plan(Service *service, sd_bus_message *message, const char *selector, const char *verb_text,
                sd_bus_error *error) {
        Request *request = NULL;

        PlanVerb verb = plan_verb_from_string(verb_text);
        if (verb != PLAN_DETACH && verb != PLAN_REATTACH)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no verb '%s' to plan: they are detach and reattach.",
                                TEXT_EXCERPT(verb_text));
        int r = request_read(message, verb, selector, &request, error);
        if (r < 0)
                return r;
        NextStep next = {
                        .run = start_plan,
                        .request = request,
                        .free_request = request_free,
                        .size = request->companions.size,
        };
        return authorize_anybody(service, message, &next, error);
}
