/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "base/text.h"
#include "job/job-internal.h"

/* The journal entries about jobs: one for the end of each job, and one if it is stuck. */

/* Each device has three fields, and an entry has at most LOG_FIELDS_MAX. */
#define DEVICES_MAX 256

static void add_driver(LogFields *fields, const char *name, PciAddress address, const char *driver) {
        log_fields_add(fields, name, "%s=%s", PCI_ADDRESS_TEXT(address), TEXT_NAME(driver));
}

/* Adds the devices of the plan. If the job has written something, adds their drivers before and now. */
static void add_members(LogFields *fields, const Job *job) {
        for (size_t i = 0; i < job->plan->n_members && i < DEVICES_MAX; i++) {
                const PlanMember *member = &job->plan->members[i];
                const Device *device = inventory_find_device(job->table->inventory, member->address);

                if (member->created)
                        continue;
                log_fields_add(fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(member->address));
                if (!job->begun)
                        continue;
                add_driver(fields, "VFIOD_BEFORE", member->address, member->before.driver);
                add_driver(fields, "VFIOD_AFTER", member->address, device ? device->driver : NULL);
        }
}

/* Adds the devices whose driver changed; and the PF, if they are its new VFs; and the device of a reset. */
static void add_changes(LogFields *fields, const Job *job, const Report *report) {
        if (job->plan->verb == PLAN_SET_VFS || job->plan->verb == PLAN_RESET)
                log_fields_add(fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(job->plan->selected));
        for (size_t i = 0; i < report->n_changes && i < DEVICES_MAX; i++) {
                const DriverChange *change = &report->changes[i];

                log_fields_add(fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(change->address));
                add_driver(fields, "VFIOD_BEFORE", change->address, change->before);
                add_driver(fields, "VFIOD_AFTER", change->address, change->after);
        }
}

static const char *result_name(Outcome outcome) {
        return outcome == OUTCOME_DONE ? "done" : outcome_to_string(outcome);
}

/* Begins the fields of an entry. The caller adds the devices, and empties the list. */
static LogFields make_fields(const Job *job, Outcome outcome, const char *reason) {
        LogFields fields = {};

        log_fields_add_all(&fields, &job->fields);
        log_fields_add(&fields, "VFIOD_CALLER", "%s", job->caller);
        log_fields_add(&fields, "VFIOD_VERB", "%s", plan_verb_to_string(job->plan->verb));
        if (job->number > 0) /* an earlier vfiod numbered its jobs itself */
                log_fields_add(&fields, "VFIOD_JOB", "%lu", job->number);
        if (job->plan->group != IOMMU_GROUP_NONE)
                log_fields_add(&fields, "VFIOD_GROUP", "%d", job->plan->group);
        log_fields_add(&fields, "VFIOD_RESULT", "%s", result_name(outcome));
        log_fields_add(&fields, "VFIOD_REASON", "%s", strempty(reason));
        return fields;
}

static void write_changes(FILE *stream, const Report *report) {
        for (size_t i = 0; i < report->n_changes; i++) {
                const DriverChange *change = &report->changes[i];

                fprintf(stream, "%s%s is on %s now, was on %s", i > 0 ? "; " : "", PCI_ADDRESS_TEXT(change->address),
                                isempty(change->after) ? "no driver" : change->after,
                                isempty(change->before) ? "none" : change->before);
        }
}

/* Describes what the job did in one line. There may be hundreds of VFs, so these are only counted. The caller frees the
 * text. Returns NULL without memory. */
static char *describe_success(const Job *job, const Report *report) {
        const Plan *plan = job->plan;
        const char *selected = PCI_ADDRESS_TEXT(plan->selected), *verb = plan_verb_to_string(plan->verb);
        char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return NULL;
        if (plan->verb == PLAN_RESET)
                fprintf(stream, "%s %s", selected,
                                job->recovering ? "may have been reset, or not: the reset was interrupted"
                                                : "was reset");
        else if (job->recovering)
                fprintf(stream, "%s: an interrupted %s was %s", selected, verb,
                                plan->verb == PLAN_REATTACH ? "finished" : "undone");
        else if (plan->verb == PLAN_SET_VFS)
                fprintf(stream, "%s has %zu virtual function%s now%s", selected, report->n_changes,
                                report->n_changes == 1 ? "" : "s", plan->vf_fate == VFS_DETACHED ? ", detached" : "");
        else {
                fprintf(stream, "%s: ", verb);
                write_changes(stream, report);
        }
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}

static void log_success(const Job *job, const Report *report) {
        static const char *const ids[_PLAN_VERB_MAX] = {
                        [PLAN_DETACH] = MESSAGE_DETACHED,
                        [PLAN_REATTACH] = MESSAGE_REATTACHED,
                        [PLAN_SET_VFS] = MESSAGE_FUNCTIONS_SET,
                        [PLAN_RESET] = MESSAGE_RESET,
        };
        _cleanup_log_fields_ LogFields fields = make_fields(job, OUTCOME_DONE, NULL);
        _cleanup_free_ char *text = describe_success(job, report);

        if (job->recovering)
                add_members(&fields, job);
        else
                add_changes(&fields, job, report);
        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = ids[job->plan->verb], .fields = &fields},
                        "%s (group %d, for %s)", strempty(text), job->plan->group, job->caller);
}

/* Tells whether the job changed nothing because a guard or the state of the devices did not permit it. */
static bool is_refusal(const Job *job, const WorkerResult *result) {
        return !job->begun && !job->recovering && result->error == 0 && result->problem.outcome != OUTCOME_CANCELLED &&
                        result->problem.outcome != OUTCOME_FAILED;
}

static void log_failure(const Job *job, const WorkerResult *result) {
        const char *reason = result->error < 0 ? strerror(-result->error) : result->problem.message;
        Outcome outcome = result->error < 0 ? OUTCOME_FAILED : result->problem.outcome;
        _cleanup_log_fields_ LogFields fields = make_fields(job, outcome, reason);
        bool refusal = is_refusal(job, result);

        add_members(&fields, job);
        log_event(&(LogEvent){.priority = refusal                                               ? LOG_NOTICE
                                                  : result->problem.outcome == OUTCOME_DEGRADED ? LOG_ERR
                                                                                                : LOG_WARNING,
                                  .message_id = refusal ? MESSAGE_REFUSED : MESSAGE_JOB_FAILED,
                                  .fields = &fields},
                        "%s: %s for %s %s: %s", PCI_ADDRESS_TEXT(job->plan->selected),
                        plan_verb_to_string(job->plan->verb), job->caller, refusal ? "was refused" : "failed",
                        strempty(reason));
}

static void log_warnings(const Job *job, const Report *report) {
        for (size_t i = 0; i < report->n_warnings; i++)
                log_warning("%s: %s", PCI_ADDRESS_TEXT(job->plan->selected), report->warnings[i]);
}

void job_log_end(const Job *job, const WorkerResult *result) {
        bool done = result->error == 0 && result->problem.outcome == OUTCOME_DONE;
        bool refused = !done && is_refusal(job, result);

        /* job_log_given_up() has logged it. */
        if (job->given_up && !done)
                return;
        /* The rule keeper tries again, and logs the refusal itself. */
        if (refused && (job->plan->by_rule || !log_quota_admit(job->table->log_quota, job->owner)))
                return;
        log_warnings(job, &result->report);
        if (done)
                log_success(job, &result->report);
        else
                log_failure(job, result);
}

void job_log_stuck(const Job *job, const Problem *problem) {
        _cleanup_log_fields_ LogFields fields = make_fields(job, problem->outcome, problem->message);
        const PlanStep *step = &job->plan->steps[job->step];

        add_members(&fields, job);
        log_event(&(LogEvent){.priority = LOG_ERR, .message_id = MESSAGE_STUCK, .fields = &fields},
                        "Group %d: %s for %s is stuck at the step '%s' of %s", job->plan->group,
                        plan_verb_to_string(job->plan->verb), job->caller, step_kind_to_string(step->kind),
                        PCI_ADDRESS_TEXT(plan_step_address(job->plan, step)));
}

void job_log_given_up(const Job *job, const Problem *problem) {
        _cleanup_log_fields_ LogFields fields = make_fields(job, problem->outcome, problem->message);

        /* A plan is no change. */
        if (!job->plan->only_plan && !log_quota_admit(job->table->log_quota, job->owner))
                return;
        add_members(&fields, job);
        log_event(&(LogEvent){.priority = LOG_WARNING,
                                  .message_id = job->plan->only_plan ? NULL : MESSAGE_REFUSED,
                                  .fields = &fields},
                        "Group %d: %s for %s: %s", job->plan->group, plan_verb_to_string(job->plan->verb), job->caller,
                        strempty(problem->message));
}
