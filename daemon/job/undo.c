/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/transaction-internal.h"

const char *transaction_override_for_probe(const Binding *target) {
        return target->driver[0] != '\0' ? target->driver : target->override;
}

bool transaction_needs_move(const Subject *subject) {
        if (subject->any_driver)
                return subject->before.driver[0] == '\0' || pci_driver_is_vfio(subject->before.driver);
        return !streq(subject->before.driver, subject->target.driver);
}

static bool binding_equal(const Binding *a, const Binding *b) {
        return streq(a->driver, b->driver) && streq(a->override, b->override) &&
                        power_settings_equal(&a->power, &b->power);
}

/* Puts one device back to what it was; goes on where it can. */
static void restore_subject(Work *work, Subject *subject, bool may_leave_vfio) {
        _cleanup_problem_ Problem ignored = {};
        Binding now;

        if (subject_read_binding(subject, &now) < 0 || binding_equal(&now, &subject->before))
                return;
        /* One that was not to be moved is where somebody else put it. */
        if (streq(now.driver, subject->before.driver) || !transaction_needs_move(subject)) {
                if (!streq(now.override, subject->before.override))
                        (void)subject_set_override(subject, subject->before.override, &ignored);
                (void)subject_set_power(subject, &subject->before.power, &ignored);
                return;
        }
        if (!may_leave_vfio && pci_driver_is_vfio(now.driver))
                return;
        if (subject_set_override(subject, transaction_override_for_probe(&subject->before), &ignored) == 0 &&
                        subject_unbind(subject, "", &ignored) == 0 && subject->before.driver[0] != '\0')
                (void)subject_probe(subject, work->transaction->kernel, subject->before.driver, &ignored);
        (void)subject_set_override(subject, subject->before.override, &ignored);
        (void)subject_set_power(subject, &subject->before.power, &ignored);
}

static void append_remains(FILE *text, const Subject *subject, const char *separator) {
        Binding now;

        int r = subject_read_binding(subject, &now);
        if (r < 0) {
                fprintf(text, "%s%s %s", separator, PCI_ADDRESS_TEXT(subject->address),
                                r == -ENODEV || r == -ENOENT ? "is gone from its slot" : "cannot be read");
                return;
        }
        fprintf(text, "%s%s has driver '%s' and override '%s' instead of '%s' and '%s'", separator,
                        PCI_ADDRESS_TEXT(subject->address), now.driver, now.override, subject->before.driver,
                        subject->before.override);
        if (!streq(now.power.control, subject->before.power.control))
                fprintf(text, ", and power/control '%s' instead of '%s'", now.power.control,
                                subject->before.power.control);
        if (now.power.d3cold_allowed != subject->before.power.d3cold_allowed)
                fprintf(text, ", and d3cold_allowed '%d' instead of '%d'", now.power.d3cold_allowed,
                                subject->before.power.d3cold_allowed);
}

bool transaction_is_restored(const Subject *subject) {
        Binding now;
        return subject_read_binding(subject, &now) >= 0 && binding_equal(&now, &subject->before);
}

char *transaction_describe_cause(const Problem *problem) {
        const char *message = strempty(problem->message);
        bool named = problem->outcome != OUTCOME_FAILED;
        size_t length = strlen(message);
        char *text;

        int r = asprintf(&text, "%s%s%s%s", named ? outcome_to_string(problem->outcome) : "", named ? ": " : "",
                        message, length > 0 && message[length - 1] == '.' ? "" : ".");
        return r < 0 ? NULL : text;
}

int transaction_undo(Work *work, Problem *problem) {
        const Transaction *transaction = work->transaction;
        _cleanup_problem_ Problem held = {};
        _cleanup_free_ char *remains = NULL;
        size_t size, n = 0;

        if (transaction->is_cancelled)
                (void)transaction->is_cancelled(true, transaction->progress_userdata);

        /* A process may have the group or the cdev of a member by now. An unbind would wait for its end, so the devices then stay
         * on vfio-pci. */
        bool free_to_go = transaction_lock_node(work, &held) == 0;
        disk_claims_release(&work->claims);
        for (size_t i = work->n_subjects; i > 0; i--)
                restore_subject(work, &work->subjects[i - 1], free_to_go);

        FILE *text = open_memstream(&remains, &size);
        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < work->n_subjects; i++)
                if (!transaction_is_restored(&work->subjects[i]))
                        append_remains(text, &work->subjects[i], n++ > 0 ? "; " : "");
        if (fclose(text) != 0)
                return -ENOMEM;

        _cleanup_free_ char *cause = transaction_describe_cause(problem);
        if (!cause)
                return -ENOMEM;
        if (n == 0 && problem->outcome == OUTCOME_CANCELLED)
                return problem_set(
                                problem, OUTCOME_CANCELLED, "The job was cancelled. Everything is as it was before.");
        if (n == 0)
                return problem_set(problem, OUTCOME_ROLLED_BACK, "%s Everything is as it was before.", cause);
        return problem_set(problem, OUTCOME_DEGRADED, "%s Not everything could be undone: %s.%s%s", cause, remains,
                        held.message ? " " : "", strempty(held.message));
}
