/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/operation.h"
#include "bus/authorize.h"
#include "bus/errors.h"

/* No group has as many members. */
#define COMPANIONS_MAX 1024

typedef struct Options {
        char **companions; /* ended by NULL; NULL where the option was not given */
} Options;

static void options_done(Options *options) {
        for (char **companion = options->companions; companion && *companion; companion++)
                free(*companion);
        free(options->companions);
        options->companions = NULL;
}

static int read_companions(sd_bus_message *message, Options *options, sd_bus_error *error) {
        size_t n = 0;

        if (options->companions)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "Option 'companions' is given twice.");
        int r = sd_bus_message_enter_container(message, 'v', "as");
        if (r < 0)
                return sd_bus_error_set(
                                error, SD_BUS_ERROR_INVALID_ARGS, "Option 'companions' is a list of selectors (as).");
        if ((r = sd_bus_message_read_strv(message, &options->companions)) < 0 ||
                        (r = sd_bus_message_exit_container(message)) < 0)
                return r;
        while (options->companions && options->companions[n])
                n++;
        if (n > COMPANIONS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "Option 'companions' may have %d entries, not %zu.", COMPANIONS_MAX, n);
        return 0;
}

/* Reads a{sv}. An option that the verb does not have is refused: it was meant to have an effect. */
static int read_options(sd_bus_message *message, PlanVerb verb, Options *options, sd_bus_error *error) {
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *key;

                if ((r = sd_bus_message_read_basic(message, 's', &key)) < 0)
                        break;
                if (verb != PLAN_DETACH || !streq(key, "companions"))
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s has no option '%s'.",
                                        verb == PLAN_DETACH ? "Detach" : "Reattach", key);
                if ((r = read_companions(message, options, error)) < 0)
                        return r;
                r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int reply_changes(sd_bus_message *call, const WorkerResult *result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'a', "(sss)")) < 0)
                return r;
        for (size_t i = 0; i < result->n_changes; i++) {
                const TransactionChange *change = &result->changes[i];

                r = sd_bus_message_append(reply, "(sss)", PCI_ADDRESS_TEXT(change->address), change->driver_before,
                                change->driver_after);
                if (r < 0)
                        return r;
        }
        if ((r = sd_bus_message_close_container(reply)) < 0)
                return r;
        return sd_bus_send(NULL, reply, NULL);
}

/* The job's end: the caller may be gone by now, and then nobody hears. */
static void on_job_done(const WorkerResult *result, void *userdata) {
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
        if (verb == PLAN_REATTACH)
                return plan_reattach(&selection, ret, problem);

        DetachOptions detach_options = {
                        .companions = (const char *const *)options->companions,
                        .whole_group = !selection.device,
        };
        iommu_examine(service->kernel, &iommu);
        return plan_detach(service->inventory, &selection, &iommu, &detach_options, ret, problem);
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
        r = job_start(service->jobs, TAKE_PTR(plan), authorize_caller_name(message, caller), on_job_done, message,
                        &problem);
        if (r != 0)
                return errors_set(error, r, &problem);
        sd_bus_message_ref(message); /* on_job_done() has it, and is never called before the next turn of the loop */
        return 1;
}

int operation_detach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error) {
        return operation_start(service, message, PLAN_DETACH, selector, error);
}

int operation_reattach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error) {
        return operation_start(service, message, PLAN_REATTACH, selector, error);
}
