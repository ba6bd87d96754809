/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/function-internal.h"
#include "job/transaction-internal.h"
#include "kernel/sriov.h"

/* Going back: the functions that there were are made anew where they are gone, and each gets back its driver. */

static bool binding_equal(const Binding *a, const Binding *b) {
        return streq(a->driver, b->driver) && streq(a->override, b->override) &&
                        power_settings_equal(&a->power, &b->power);
}

/* Whether those that there were are there, and no other. */
static bool same_functions(const FunctionWork *work) {
        _cleanup_free_ PciAddress *now = NULL;
        size_t n;

        if (sriov_list_functions(work->physical_fd, &now, &n) < 0 || n != work->record->n_before)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!pci_address_equal(now[i], work->record->before[i].address))
                        return false;
        return true;
}

static bool is_restored(const FunctionWork *work, const FunctionBefore *before) {
        Subject subject;

        bool restored = function_open(work, before->address, &subject) >= 0 &&
                        pci_ids_equal(&subject.ids, &before->ids) && binding_equal(&subject.before, &before->binding);
        subject_close(&subject);
        return restored;
}

static bool all_restored(const FunctionWork *work) {
        if (!same_functions(work))
                return false;
        for (size_t i = 0; i < work->record->n_before; i++)
                if (!is_restored(work, &work->record->before[i]))
                        return false;
        return true;
}

/* Removing a function that a virtual machine has would wait for its end: rather it stays. */
static int hold_all(FunctionWork *work, Problem *problem) {
        _cleanup_free_ PciAddress *now = NULL;
        size_t n;
        int r = sriov_list_functions(work->physical_fd, &now, &n);

        for (size_t i = 0; r >= 0 && i < n; i++) {
                Subject subject;

                if (function_open(work, now[i], &subject) >= 0)
                        r = function_hold_node(work, &subject, problem);
                subject_close(&subject);
                if (r > 0)
                        return r;
        }
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "the virtual functions cannot be listed: %s", strerror(-r))
                     : function_check_cdevs(work, now, n, problem);
}

static void remake(FunctionWork *work) {
        if (same_functions(work))
                return;
        (void)sriov_write_autoprobe(work->physical_fd, false);
        (void)sriov_write_count(work->physical_fd, 0);
        function_release_nodes(work);
        if (work->record->n_before > 0)
                (void)sriov_write_count(work->physical_fd, (unsigned)work->record->n_before);
}

/* Takes it from a driver that it had not, and has the right one come at the next probe: while no driver of the host comes by itself. */
static void prepare(const FunctionWork *work, const FunctionBefore *before) {
        const Binding *binding = &before->binding;
        const char *override = pci_driver_is_vfio(binding->driver) ? binding->driver : binding->override;
        _cleanup_problem_ Problem ignored = {};
        Subject subject;

        if (function_open(work, before->address, &subject) >= 0 && pci_ids_equal(&subject.ids, &before->ids)) {
                if (!streq(subject.before.driver, binding->driver))
                        (void)subject_unbind(&subject, binding->driver, &ignored);
                if (!streq(subject.before.override, override))
                        (void)subject_set_override(&subject, override, &ignored);
                (void)subject_set_link(&subject, work->transaction->kernel, &before->link, &ignored);
        }
        subject_close(&subject);
}

static void bind(const FunctionWork *work, const FunctionBefore *before) {
        const Binding *binding = &before->binding;
        _cleanup_problem_ Problem ignored = {};
        Subject subject;

        if (function_open(work, before->address, &subject) >= 0 && pci_ids_equal(&subject.ids, &before->ids)) {
                if (binding->driver[0] != '\0' && !streq(subject.before.driver, binding->driver))
                        (void)subject_probe(&subject, work->transaction->kernel, binding->driver, &ignored);
                if (!streq(subject.before.override, binding->override))
                        (void)subject_set_override(&subject, binding->override, &ignored);
                (void)subject_set_power(&subject, &binding->power, &ignored);
        }
        subject_close(&subject);
}

static void restore(FunctionWork *work, Problem *held) {
        const FunctionRecord *record = work->record;
        bool changed = !all_restored(work);

        disk_claims_release(&work->claims);
        if (changed && hold_all(work, held) == 0) {
                remake(work);
                for (size_t i = 0; i < record->n_before; i++)
                        prepare(work, &record->before[i]);
                function_release_nodes(work);
        } else
                changed = false;
        bool now;
        if (record->autoprobe_known && sriov_read_autoprobe(work->physical_fd, &now) >= 0 && now != record->autoprobe)
                (void)sriov_write_autoprobe(work->physical_fd, record->autoprobe);
        for (size_t i = 0; changed && i < record->n_before; i++)
                bind(work, &record->before[i]);
}

static void append_function(const FunctionWork *work, const FunctionBefore *before, FILE *text) {
        Subject subject;

        if (function_open(work, before->address, &subject) < 0)
                fprintf(text, "%s is missing; ", PCI_ADDRESS_TEXT(before->address));
        else if (!binding_equal(&subject.before, &before->binding))
                fprintf(text, "%s has driver '%s' and override '%s' instead of '%s' and '%s'; ",
                                PCI_ADDRESS_TEXT(before->address), subject.before.driver, subject.before.override,
                                before->binding.driver, before->binding.override);
        subject_close(&subject);
}

/* Its virtual functions have gone with it. */
static bool physical_is_gone(const FunctionWork *work) {
        PciIds found;

        return pci_device_read_ids(work->physical_fd, &found) < 0;
}

/* What is not as it was, to be freed; "" for nothing; NULL without memory. */
static char *describe_remains(const FunctionWork *work) {
        const FunctionRecord *record = work->record;
        _cleanup_free_ PciAddress *functions = NULL;
        size_t size, n = 0;
        bool now = false;
        char *remains;

        FILE *text = open_memstream(&remains, &size);
        if (!text)
                return NULL;
        if (physical_is_gone(work))
                fprintf(text, "%s is gone from its slot; ", PCI_ADDRESS_TEXT(record->physical));
        else {
                if (sriov_list_functions(work->physical_fd, &functions, &n) < 0 || n != record->n_before)
                        fprintf(text, "%s has %zu virtual functions instead of %zu; ",
                                        PCI_ADDRESS_TEXT(record->physical), n, record->n_before);
                for (size_t i = 0; i < record->n_before; i++)
                        append_function(work, &record->before[i], text);
                if (record->autoprobe_known &&
                                (sriov_read_autoprobe(work->physical_fd, &now) < 0 || now != record->autoprobe))
                        fprintf(text, "sriov_drivers_autoprobe of %s is %d instead of %d; ",
                                        PCI_ADDRESS_TEXT(record->physical), now, record->autoprobe);
        }
        if (fclose(text) != 0) {
                free(remains);
                return NULL;
        }
        return remains;
}

/* Nothing is left to undo. */
static void forget(const FunctionWork *work) {
        const Transaction *transaction = work->transaction;

        for (unsigned i = work->record->count; i > 0; i--)
                (void)record_forget(transaction->state_fd, transaction->record->number + i);
        (void)record_delete(transaction->state_fd, transaction->record->number);
}

int function_undo(FunctionWork *work, Problem *problem) {
        const Transaction *transaction = work->transaction;
        bool recovery = transaction->plan->functions.recovery;
        _cleanup_problem_ Problem held = {};

        if (transaction->is_cancelled)
                (void)transaction->is_cancelled(true, transaction->progress_userdata);
        restore(work, &held);

        _cleanup_free_ char *remains = describe_remains(work), *cause = transaction_describe_cause(problem);
        if (!remains || !cause)
                return -ENOMEM;
        size_t length = strlen(remains);
        bool gone = physical_is_gone(work);
        if (length == 0 || gone)
                forget(work);
        if (length > 0) {
                remains[length - 2] = '\0';
                return problem_set(problem, OUTCOME_DEGRADED, "%s%sNot everything could be undone: %s.%s%s",
                                recovery ? "" : cause, recovery ? "" : " ", remains, held.message ? " " : "",
                                strempty(held.message));
        }
        if (recovery)
                return 0;
        if (problem->outcome == OUTCOME_CANCELLED)
                return problem_set(
                                problem, OUTCOME_CANCELLED, "The job was cancelled. Everything is as it was before.");
        /* What the caller can mend keeps its name: nothing was done, as with other refusals. */
        if (problem->outcome == OUTCOME_DRIVER_UNAVAILABLE || problem->outcome == OUTCOME_NOT_VIABLE ||
                        problem->outcome == OUTCOME_NO_GROUP)
                return (int)problem->outcome;
        return problem_set(problem, OUTCOME_ROLLED_BACK, "%s Everything is as it was before.", cause);
}
