/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/rollback.h"
#include "engine/engine.h"
#include "state/device-file.h"
#include "state/transaction-file.h"

/* Whether the member must be as before after the revert. A recovery ignores cards that are gone. Where a reattach
 * expects a member back with its parent, the parent alone tells whether all is as before. */
static bool is_watched(const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];

        return !member->created && !(work->plan->verb == PLAN_REATTACH && plan_member_depends(member)) &&
                        !(work->plan->recovery && !plan_member_depends(member) && work_is_gone(work, i));
}

static void append_binding(FILE *text, const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];
        const char *address = PCI_ADDRESS_TEXT(member->address);
        const Binding *before = &member->before;
        Binding now;

        int r = work_read_binding(work, i, &now);
        if (r < 0) {
                fprintf(text, "%s %s; ", address,
                                r != -ENODEV && r != -ENOENT                  ? "cannot be read"
                                                : plan_member_depends(member) ? "is missing"
                                                                              : "is gone from its slot");
                return;
        }
        fprintf(text, "%s has driver '%s' (before: '%s') and driver_override '%s' (before: '%s')", address, now.driver,
                        before->any_driver ? "any" : before->driver, now.override, before->override);
        if (!streq(now.power.control, before->power.control))
                fprintf(text, ", and power/control '%s' instead of '%s'", now.power.control, before->power.control);
        if (now.power.d3cold_allowed != before->power.d3cold_allowed)
                fprintf(text, ", and d3cold_allowed '%d' instead of '%d'", now.power.d3cold_allowed,
                                before->power.d3cold_allowed);
        fputs("; ", text);
}

/* The first step of a kind has the value from before the plan. */
static void append_values(FILE *text, const Work *work) {
        for (size_t i = 0; i < work->plan->n_steps; i++) {
                const PlanStep *step = &work->plan->steps[i];
                const char *address = PCI_ADDRESS_TEXT(work->plan->members[step->member].address);
                unsigned now;

                if (work->fds[step->member] < 0 || (step->kind != STEP_SET_AUTOPROBE && step->kind != STEP_SET_VFS) ||
                                work_find_earlier_step(work, i))
                        continue;
                int r = work_read_value(work, step, &now);
                if (step->kind == STEP_SET_AUTOPROBE && r >= 0 && now != step->before)
                        fprintf(text, "sriov_drivers_autoprobe of %s is %u instead of %u; ", address, now,
                                        step->before);
                if (step->kind == STEP_SET_VFS && (r < 0 || now != step->before))
                        fprintf(text, "%s has %u virtual functions instead of %u; ", address, now, step->before);
        }
}

/* Returns what differs from before, to be freed; "" for nothing; NULL if there is no memory. */
static char *describe_remains(const Work *work) {
        char *remains;
        size_t size;

        FILE *text = open_memstream(&remains, &size);
        if (!text)
                return NULL;
        for (size_t i = 0; i < work->plan->n_members; i++)
                if (is_watched(work, i) && !work_is_restored(work, i))
                        append_binding(text, work, i);
        append_values(text, work);
        if (fclose(text) != 0) {
                free(remains);
                return NULL;
        }
        /* Without the last separator. */
        if (size >= 2)
                remains[size - 2] = '\0';
        return remains;
}

/* The problem as a sentence with a space behind it, and with the name of its outcome unless that is FAILED; to be
 * freed. */
static char *describe_cause(const Problem *problem) {
        const char *message = strempty(problem->message);
        bool named = problem->outcome != OUTCOME_FAILED;
        size_t length = strlen(message);
        char *text;

        int r = asprintf(&text, "%s%s%s%s ", named ? outcome_to_string(problem->outcome) : "", named ? ": " : "",
                        message, length > 0 && message[length - 1] == '.' ? "" : ".");
        return r < 0 ? NULL : text;
}

/* Whether the caller can do something about the outcome. Then it keeps its name if everything is as before. */
static bool is_refusal(const Plan *plan, Outcome outcome) {
        return plan->verb == PLAN_SET_VFS &&
                        (outcome == OUTCOME_DRIVER_UNAVAILABLE || outcome == OUTCOME_NOT_VIABLE ||
                                        outcome == OUTCOME_NO_GROUP);
}

/* After a reattach that was neither finished nor undone, the state files follow the devices: a device on its driver of
 * the host is not away. A card that was pulled meanwhile is forgotten, as a reattach of an absent device does: when it
 * returns, vfiod must not detach it again. */
static void update_state_files(const Work *work) {
        int devices_fd = work->transaction->devices_fd;

        for (size_t i = 0; i < work->plan->n_members && work->plan->verb == PLAN_REATTACH; i++) {
                PlanMember *member = &work->plan->members[i];
                Binding now;

                if (!member->recorded || work->fds[i] < 0)
                        continue;
                int r = work_read_binding(work, i, &now);
                bool is_gone = r == -ENODEV || r == -ENOENT;
                bool is_restored = r >= 0 && binding_matches(&now, &member->before);
                /* If the member vanished with its parent once more, it is still expected. */
                if ((is_gone && !plan_member_depends(member)) ||
                                (r >= 0 && !is_restored && binding_matches(&now, &member->origin->binding)))
                        (void)device_file_remove(devices_fd, member->address);
                else if (r >= 0 && !is_restored) {
                        member->origin->degraded = true;
                        (void)device_file_write(devices_fd, member->address, true, member->origin);
                }
        }
}

/* Ends the transaction. If a change of VFs could not be undone, because VFs are missing, the next start of vfiod tries
 * again. For that the file stays, unless the PF is gone, and its VFs with it. If the removal fails, that start finds
 * nothing to do. */
static void end(const Work *work, bool restored) {
        if (restored || work->plan->verb != PLAN_SET_VFS || work_is_gone(work, 0))
                (void)transaction_file_remove(work->transaction->transactions_fd, work->transaction->number);
}

/* Reverts the first n steps. Returns 0 if everything is as before; DEGRADED with what differs; or -ENOMEM. */
static int revert(Work *work, size_t n, const char *cause, Problem *problem) {
        _cleanup_problem_ Problem held = {};

        engine_revert(work, n, &held);
        _cleanup_free_ char *remains = describe_remains(work);
        if (!remains)
                return -ENOMEM;
        if (remains[0] == '\0')
                return 0;
        return problem_set(problem, OUTCOME_DEGRADED, "%svfiod could not undo all changes: %s.%s%s", cause, remains,
                        held.message ? " " : "", strempty(held.message));
}

/* Ends a reset that failed or was cancelled. Nothing of it can be undone, so the outcome keeps its name. */
static int end_reset(const Work *work, size_t n, Problem *problem) {
        end(work, true);
        if (problem->outcome != OUTCOME_CANCELLED)
                return (int)problem->outcome;
        return problem_set(problem, OUTCOME_CANCELLED,
                        n == work->plan->n_steps ? "The cancel came too late: the device is reset."
                                                 : "The job was cancelled. Everything is as it was before.");
}

int rollback_run(Work *work, size_t n, Problem *problem) {
        const EngineCallbacks *callbacks = &work->transaction->callbacks;
        Outcome outcome = problem->outcome;

        if (callbacks->is_cancelled)
                (void)callbacks->is_cancelled(true, callbacks->userdata);
        if (work->plan->verb == PLAN_RESET)
                return end_reset(work, n, problem);
        _cleanup_free_ char *cause = describe_cause(problem);
        int r = revert(work, n, strempty(cause), problem);
        if (r < 0)
                return r;
        update_state_files(work);
        end(work, r == 0);
        if (r > 0 || is_refusal(work->plan, outcome))
                return (int)problem->outcome;
        if (outcome == OUTCOME_CANCELLED)
                return problem_set(
                                problem, OUTCOME_CANCELLED, "The job was cancelled. Everything is as it was before.");
        return problem_set(problem, OUTCOME_ROLLED_BACK, "%sEverything is as it was before.", strempty(cause));
}

/* Recovery. */

static int finish(Work *work, Problem *problem) {
        _cleanup_problem_ Problem cause = {};
        size_t n;
        int r;

        if ((r = engine_apply(work, false, &n, &cause)) == 0)
                r = engine_apply(work, true, &n, &cause);
        update_state_files(work);
        if (r == 0 || r == -ENOMEM)
                return r;
        return problem_set(problem, OUTCOME_DEGRADED,
                        "vfiod could not finish an interrupted reattach: %s 'vfioctl devices' shows which devices are "
                        "still detached.",
                        strempty(cause.message));
}

/* Removes the steps of members that are gone: another card may be in the slot. */
static void drop_gone_members(Work *work) {
        for (size_t i = 0; i < work->plan->n_steps;) {
                const PlanStep *step = &work->plan->steps[i];
                bool gone = work->fds[step->member] < 0 && !plan_member_depends(&work->plan->members[step->member]);

                if (!gone || step->kind == STEP_RECORD) {
                        i++;
                        continue;
                }
                work->plan->n_steps--;
                memmove(work->plan->steps + i, work->plan->steps + i + 1, (work->plan->n_steps - i) * sizeof(PlanStep));
        }
}

int recovery_run(Work *work, Problem *problem) {
        const Transaction *transaction = work->transaction;

        _cleanup_close_ int lock_fd = transaction_file_lock(transaction->transactions_fd, transaction->number);
        if (lock_fd == -ENOENT)
                return 0;
        if (lock_fd == -EAGAIN)
                return problem_set(problem, OUTCOME_BUSY, "Another worker is ending the transaction already.");
        if (lock_fd < 0)
                return problem_set(problem, OUTCOME_FAILED, "The transaction's file cannot be opened: %s",
                                strerror(-lock_fd));
        if (transaction->recorded)
                transaction->recorded(transaction->callbacks.userdata);
        /* A reset leaves nothing to undo. */
        if (work->plan->verb == PLAN_RESET) {
                end(work, true);
                return 0;
        }
        work_open_for_recovery(work);
        drop_gone_members(work);
        int r = work->plan->verb == PLAN_REATTACH ? finish(work, problem)
                                                  : revert(work, work->plan->n_steps, "", problem);
        end(work, r == 0);
        return r;
}
