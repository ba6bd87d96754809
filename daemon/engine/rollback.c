/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/rollback.h"
#include "engine/steps.h"
#include "kernel/sriov.h"
#include "state/device-file.h"
#include "state/transaction-file.h"

/* Whether the member shall be as before once all is reverted. A recovery has nothing to do with cards that are gone. Where a member was expected back with
 * another one, that one tells whether all is as before. */
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
        fprintf(text, "%s has driver '%s' and override '%s' instead of '%s' and '%s'", address, now.driver,
                        now.override, before->any_driver ? "any" : before->driver, before->override);
        if (!streq(now.power.control, before->power.control))
                fprintf(text, ", and power/control '%s' instead of '%s'", now.power.control, before->power.control);
        if (now.power.d3cold_allowed != before->power.d3cold_allowed)
                fprintf(text, ", and d3cold_allowed '%d' instead of '%d'", now.power.d3cold_allowed,
                                before->power.d3cold_allowed);
        fputs("; ", text);
}

/* The values of a PF that the first step of a kind has changed. */
static void append_values(FILE *text, const Work *work) {
        const Plan *plan = work->plan;
        bool seen_autoprobe = false, seen_vfs = false;

        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];
                const char *address = PCI_ADDRESS_TEXT(plan->members[step->member].address);
                _cleanup_free_ PciAddress *vfs = NULL;
                bool autoprobe;
                size_t n = 0;

                if (work->fds[step->member] < 0)
                        continue;
                if (step->kind == STEP_SET_AUTOPROBE && !seen_autoprobe) {
                        seen_autoprobe = true;
                        if (sriov_read_autoprobe(work->fds[step->member], &autoprobe) >= 0 &&
                                        autoprobe != (step->before != 0))
                                fprintf(text, "sriov_drivers_autoprobe of %s is %d instead of %u; ", address, autoprobe,
                                                step->before);
                }
                if (step->kind == STEP_SET_VFS && !seen_vfs) {
                        seen_vfs = true;
                        if (sriov_list_functions(work->fds[step->member], &vfs, &n) < 0 || n != step->before)
                                fprintf(text, "%s has %zu virtual functions instead of %u; ", address, n, step->before);
                }
        }
}

/* What differs from before, to be freed; "" for nothing; NULL without memory. */
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

/* The problem as a sentence, with its name where it has one of its own; to be freed. */
static char *describe_cause(const Problem *problem) {
        const char *message = strempty(problem->message);
        bool named = problem->outcome != OUTCOME_FAILED;
        size_t length = strlen(message);
        char *text;

        int r = asprintf(&text, "%s%s%s%s", named ? outcome_to_string(problem->outcome) : "", named ? ": " : "",
                        message, length > 0 && message[length - 1] == '.' ? "" : ".");
        return r < 0 ? NULL : text;
}

/* Outcomes that a caller can do something about keep their name if nothing has changed. */
static bool is_refusal(const Plan *plan, Outcome outcome) {
        return plan->verb == PLAN_SET_VFS &&
                        (outcome == OUTCOME_DRIVER_UNAVAILABLE || outcome == OUTCOME_NOT_VIABLE ||
                                        outcome == OUTCOME_NO_GROUP);
}

/* After a reattach that went neither forwards nor back, the state files follow the devices: what is with the host is not away. A card
 * that was pulled meanwhile is forgotten, as a reattach of an absent device does: it must not be detached again when it returns. */
static void update_state_files(const Work *work) {
        for (size_t i = 0; i < work->plan->n_members && work->plan->verb == PLAN_REATTACH; i++) {
                PlanMember *member = &work->plan->members[i];
                Binding now;

                if (!member->recorded)
                        continue;
                /* It vanished with its parent once more, and is expected back with that. */
                if (plan_member_depends(member) && work_is_gone(work, i))
                        continue;
                if (work->fds[i] >= 0 && work_is_gone(work, i)) {
                        (void)device_file_remove(work->devices_fd, member->address);
                        continue;
                }
                if (work_read_binding(work, i, &now) < 0 || binding_matches(&now, &member->before))
                        continue;
                if (binding_matches(&now, &member->origin->binding)) {
                        (void)device_file_remove(work->devices_fd, member->address);
                        continue;
                }
                member->origin->degraded = true;
                (void)device_file_write(work->devices_fd, member->address, true, member->origin);
        }
}

/* Ends the transaction. What a reattach cannot restore, since VFs are missing, is reverted once more by the next start of vfiod:
 * for that the file stays, unless the PF is gone and its VFs with it. Where the removal fails, that start finds nothing to do. */
static void end(const Transaction *transaction, const Work *work, bool restored) {
        if (restored || work->plan->verb != PLAN_SET_VFS || work_is_gone(work, 0))
                (void)transaction_file_remove(transaction->transactions_fd, transaction->number);
}

int rollback_run(Transaction *transaction, Work *work, size_t n, Problem *problem) {
        const EngineCallbacks *callbacks = &transaction->callbacks;
        _cleanup_problem_ Problem held = {};

        if (callbacks->is_cancelled)
                (void)callbacks->is_cancelled(true, callbacks->userdata);
        engine_revert(work, n, callbacks, &held);

        _cleanup_free_ char *remains = describe_remains(work), *cause = describe_cause(problem);
        if (!remains || !cause)
                return -ENOMEM;
        update_state_files(work);
        end(transaction, work, remains[0] == '\0');
        if (remains[0] != '\0')
                return problem_set(problem, OUTCOME_DEGRADED, "%s Not everything could be undone: %s.%s%s", cause,
                                remains, held.message ? " " : "", strempty(held.message));
        if (problem->outcome == OUTCOME_CANCELLED)
                return problem_set(
                                problem, OUTCOME_CANCELLED, "The job was cancelled. Everything is as it was before.");
        if (is_refusal(work->plan, problem->outcome))
                return (int)problem->outcome;
        return problem_set(problem, OUTCOME_ROLLED_BACK, "%s Everything is as it was before.", cause);
}

/* Recovery. */

static int finish(Transaction *transaction, Work *work, Problem *problem) {
        _cleanup_problem_ Problem cause = {};
        size_t n;
        int r;

        if ((r = engine_apply(work, false, &transaction->callbacks, &n, &cause)) == 0)
                r = engine_apply(work, true, &transaction->callbacks, &n, &cause);
        update_state_files(work);
        if (r == 0 || r == -ENOMEM)
                return r;
        return problem_set(problem, OUTCOME_DEGRADED,
                        "An interrupted reattach could not be finished: %s The state files say what is still to be "
                        "reattached.",
                        strempty(cause.message));
}

static int revert(Transaction *transaction, Work *work, Problem *problem) {
        _cleanup_problem_ Problem held = {};

        engine_revert(work, work->plan->n_steps, &transaction->callbacks, &held);
        _cleanup_free_ char *remains = describe_remains(work);
        if (!remains)
                return -ENOMEM;
        if (remains[0] == '\0')
                return 0;
        return problem_set(problem, OUTCOME_DEGRADED, "Not everything could be undone: %s.%s%s", remains,
                        held.message ? " " : "", strempty(held.message));
}

/* Members that are gone have nothing to be done for: another card may be in their slot. */
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

int recovery_run(Transaction *transaction, Work *work, Report *report, Problem *problem) {
        (void)report;
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
        work_open_for_recovery(work);
        drop_gone_members(work);
        int r = work->plan->verb == PLAN_REATTACH ? finish(transaction, work, problem)
                                                  : revert(transaction, work, problem);
        end(transaction, work, r == 0);
        return r;
}
