/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/operation.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/options.h"

typedef struct Options {
        char **companions; /* ended by NULL; NULL where the option was not given */
        unsigned overrides;
        uint64_t fingerprint; /* 0 where none was given */
        bool force, adopt;
} Options;

static void options_done(Options *options) {
        option_list_free(options->companions);
        options->companions = NULL;
}

static int read_fingerprint(sd_bus_message *message, Options *options, sd_bus_error *error) {
        const char *text;
        char *end;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r < 0)
                return sd_bus_error_set(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option 'plan' is the fingerprint of a plan (s).");
        errno = 0;
        options->fingerprint = strtoull(text, &end, 16);
        if (errno > 0 || strlen(text) != 16 || *end != '\0' || options->fingerprint == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no fingerprint of a plan: make one with Plan.", text);
        return 0;
}

int operation_read_flag(sd_bus_message *message, const char *key, bool *ret, sd_bus_error *error) {
        int value;

        int r = sd_bus_message_read(message, "v", "b", &value);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Option '%s' is true or false (b).", key);
        *ret = value;
        return 0;
}

static int read_companions(sd_bus_message *message, Options *options, sd_bus_error *error) {
        if (options->companions)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "Option 'companions' is given twice.");
        return option_read_list(message, "companions", &options->companions, error);
}

/* Reads a{sv}. An option that the verb does not have is refused: it was meant to have an effect. */
static int read_options(sd_bus_message *message, PlanVerb verb, Options *options, sd_bus_error *error) {
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *key;

                if ((r = sd_bus_message_read_basic(message, 's', &key)) < 0)
                        break;
                if (streq(key, "plan"))
                        r = read_fingerprint(message, options, error);
                else if (verb == PLAN_DETACH && streq(key, "companions"))
                        r = read_companions(message, options, error);
                else if (verb == PLAN_DETACH && streq(key, "override"))
                        r = option_read_overrides(message, &options->overrides, error);
                else if (verb == PLAN_REATTACH && (streq(key, "force") || streq(key, "adopt")))
                        r = operation_read_flag(
                                        message, key, streq(key, "force") ? &options->force : &options->adopt, error);
                else
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s has no option '%s'.",
                                        verb == PLAN_DETACH ? "Detach" : "Reattach", key);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int reply_changes(sd_bus_message *call, const WorkerResult *result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < result->report.n_changes; i++) {
                const TransactionChange *change = &result->report.changes[i];

                r = sd_bus_message_append(reply, "(sssa{sv})", PCI_ADDRESS_TEXT(change->address), change->driver_before,
                                change->driver_after, 0);
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

static int make_plan(Service *service, PlanVerb verb, const char *selector, const Options *options, Plan **ret,
                Problem *problem) {
        Selection selection;
        IommuReport iommu;

        int r = selector_resolve(service->inventory, selector, &selection, problem);
        if (r != 0)
                return r;
        if (verb == PLAN_DETACH) {
                DetachOptions detach_options = {
                                .companions = (const char *const *)options->companions,
                                .whole_group = !selection.device,
                                .overrides = options->overrides,
                };
                iommu_examine(service->kernel, &iommu);
                r = plan_detach(service->inventory, &selection, &iommu, &detach_options, ret, problem);
        } else
                r = plan_reattach(&selection, &(ReattachOptions){.force = options->force, .adopt = options->adopt}, ret,
                                problem);
        if (r == 0)
                (*ret)->fingerprint = options->fingerprint;
        return r;
}

static int operation_start(
                Service *service, sd_bus_message *message, PlanVerb verb, const char *selector, sd_bus_error *error) {
        _cleanup_(options_done) Options options = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        char caller[CALLER_TEXT_MAX];
        int r;

        if ((r = read_options(message, verb, &options, error)) < 0 || (r = authorize_change(message, error)) < 0)
                return r;
        if ((r = make_plan(service, verb, selector, &options, &plan, &problem)) != 0)
                return errors_set(error, r, &problem);
        r = job_start(service->jobs, TAKE_PTR(plan), authorize_caller_name(message, caller), operation_on_done, message,
                        &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        sd_bus_message_ref(
                        message); /* operation_on_done() has it, and is never called before the next turn of the loop */
        return 1;
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
                                PCI_ADDRESS_TEXT(plan->members[step->member].address),
                                plan_step_reason(plan, step, reason), 0);
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

                r = sd_bus_message_append(reply, "(sssba{sv})", guard_to_string(finding->guard),
                                PCI_ADDRESS_TEXT(finding->address), finding->evidence,
                                (int)is_overridden(plan, finding), 0);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int reply_plan(const Planning *planning, const TransactionReport *report) {
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

int operation_plan(Service *service, sd_bus_message *message, const char *selector, const char *verb_text,
                sd_bus_error *error) {
        _cleanup_(options_done) Options options = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        int r;

        PlanVerb verb = plan_verb_from_string(verb_text);
        if (verb != PLAN_DETACH && verb != PLAN_REATTACH)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "There is no verb '%s' to plan: they are detach and reattach.", verb_text);
        if ((r = read_options(message, verb, &options, error)) < 0)
                return r;
        Planning *planning = calloc(1, sizeof(Planning));
        if (!planning)
                return -ENOMEM;
        planning->call = sd_bus_message_ref(message);
        if ((r = make_plan(service, verb, selector, &options, &planning->plan, &problem)) == 0 &&
                        (r = make_plan(service, verb, selector, &options, &plan, &problem)) == 0) {
                plan->only_plan = true;
                r = job_start(service->jobs, TAKE_PTR(plan), "a plan", on_plan_done, planning, &problem);
        }
        if (r == 0)
                return 1;
        planning_free(planning);
        return errors_set(error, r, &problem);
}
