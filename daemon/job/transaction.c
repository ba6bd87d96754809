/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/transaction.h"
#include "job/driver.h"
#include "job/function-change.h"
#include "job/survey.h"
#include "job/transaction-internal.h"
#include "kernel/vfio-node.h"
#include "usage/vfio-holders.h"

#define NODE_TIMEOUT_MS 5000

static void work_done(Work *work) {
        for (size_t i = 0; i < work->n_subjects; i++)
                subject_close(&work->subjects[i]);
        free(work->subjects);
        disk_claims_release(&work->claims);
        (void)safe_close(work->node_fd);
}

int transaction_lock_node(Work *work, Problem *problem) {
        const Plan *plan = work->transaction->plan;

        _cleanup_free_ PciAddress *members = calloc(plan->n_members + 1, sizeof(PciAddress));
        if (!members)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                members[i] = plan->members[i].address;
        return vfio_check_unheld(
                        work->transaction->kernel, plan->group, members, plan->n_members, &work->node_fd, problem);
}

/* From here on until the device has left, nobody can begin to use a disk of it. */
static int claim_disks(Work *work, Problem *problem) {
        const Kernel *kernel = work->transaction->kernel;
        const Plan *plan = work->transaction->plan;
        _cleanup_host_index_ HostIndex index = {};

        int r = plan->verb == PLAN_DETACH ? host_index_read(kernel, &index) : 0;
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "The host's disks cannot be read: %s", strerror(-r));
        for (size_t i = 0; i < plan->n_members && plan->verb == PLAN_DETACH; i++) {
                PciAddress address = plan->members[i].address;

                r = disk_claims_take(&work->claims, kernel, &index, address);
                if (r == -EBUSY && plan->overrides & 1U << GUARD_STORAGE)
                        continue;
                if (r < 0)
                        return problem_set(problem, OUTCOME_IN_USE_STORAGE,
                                        "Somebody began to use a disk of %s just now, or it cannot be claimed (%s): "
                                        "look with 'vfioctl plan %s'.",
                                        PCI_ADDRESS_TEXT(address), strerror(-r), PCI_ADDRESS_TEXT(plan->selected));
        }
        return 0;
}

static int do_step(Work *work, const PlanStep *step, Problem *problem) {
        const Plan *plan = work->transaction->plan;
        Subject *subject = &work->subjects[step->member];
        int r;

        switch (step->kind) {
        case STEP_LOCK_NODE:
                return transaction_lock_node(work, problem);
        case STEP_LOAD_DRIVER:
                return driver_ensure(work->transaction->kernel, subject->target.driver,
                                plan->verb == PLAN_REATTACH ? plan->members[step->member].origin->module : NULL,
                                problem);
        case STEP_OVERRIDE:
                return subject_set_override(subject,
                                transaction_needs_move(subject) ? transaction_override_for_probe(&subject->target)
                                                                : subject->target.override,
                                problem);
        case STEP_UNBIND:
                return transaction_needs_move(subject) ? subject_unbind(subject, subject->target.driver, problem) : 0;
        case STEP_PROBE:
                disk_claims_release(&work->claims);
                if (plan->verb == PLAN_REATTACH && subject->was_early)
                        subject_announce_interfaces(subject, work->transaction->kernel);
                if (!transaction_needs_move(subject))
                        return 0;
                if (subject->any_driver)
                        return subject_probe_any(subject, work->transaction->kernel, problem);
                if (subject->target.driver[0] != '\0' &&
                                (r = subject_probe(subject, work->transaction->kernel, subject->target.driver,
                                                 problem)) != 0)
                        return r;
                if (streq(transaction_override_for_probe(&subject->target), subject->target.override))
                        return 0;
                return subject_set_override(subject, subject->target.override, problem);
        case STEP_RESTORE_LINK:
                return subject_set_link(
                                subject, work->transaction->kernel, &plan->members[step->member].origin->link, problem);
        case STEP_RESTORE_POWER:
                return subject_set_power(subject, &plan->members[step->member].origin->power, problem);
        case STEP_WAIT_NODE:
                r = vfio_node_wait(work->transaction->kernel, plan->group, NODE_TIMEOUT_MS);
                if (r < 0)
                        return problem_set(problem, OUTCOME_FAILED, "%s did not appear: %s",
                                        VFIO_NODE_TEXT(plan->group), strerror(-r));
                return 0;
        default:
                return -EINVAL;
        }
}

/* Opens all subjects and decides what each shall become. Nothing is written yet. */
static int open_subjects(Work *work, Problem *problem) {
        const Plan *plan = work->transaction->plan;

        work->subjects = calloc(plan->n_members, sizeof(Subject));
        if (!work->subjects)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                Subject *subject = &work->subjects[i];

                work->n_subjects++;
                int r = subject_open(subject, work->transaction->kernel, member->address, &member->ids, plan->group,
                                problem);
                if (r != 0)
                        return r;
                if (plan->by_rule)
                        subject_expect_early_override(subject, PLAN_VFIO_DRIVER, member->newcomer);
                if (plan->verb == PLAN_DETACH) {
                        if (pci_driver_is_vfio(subject->before.driver))
                                return problem_set(problem, OUTCOME_FOREIGN,
                                                "Somebody else put %s on %s meanwhile: look again with 'vfioctl "
                                                "groups'.",
                                                PCI_ADDRESS_TEXT(member->address), subject->before.driver);
                        (void)snprintf(subject->target.driver, DRIVER_NAME_MAX, "%s", PLAN_VFIO_DRIVER);
                        (void)snprintf(subject->target.override, OVERRIDE_MAX, "%s", PLAN_VFIO_DRIVER);
                } else if (plan->by_rule && !subject->was_early)
                        /* Nothing of ours keeps a driver from it. */
                        subject->target = subject->before;
                else {
                        subject->any_driver = member->origin->any_driver;
                        (void)snprintf(subject->target.driver, DRIVER_NAME_MAX, "%s",
                                        subject->any_driver && !transaction_needs_move(subject)
                                                        ? subject->before.driver
                                                        : strempty(member->origin->driver));
                        (void)snprintf(subject->target.override, OVERRIDE_MAX, "%s",
                                        strempty(member->origin->override));
                }
        }
        return 0;
}

/* What a device gets back: what it is now; or, where an earlier job took it and it was not given back since, what it was then. */
static int snapshot(const Work *work, size_t i, Record *record) {
        const PlanMember *member = &work->transaction->plan->members[i];
        const Subject *subject = &work->subjects[i];
        char module[DRIVER_NAME_MAX];
        int r;

        if (member->recorded)
                return record_add(record, member->address, RECORD_DETACHING, member->origin);
        _cleanup_(device_origin_freep) DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));
        if (!origin)
                return -ENOMEM;
        if (modules_of_driver(work->transaction->kernel, subject->before.driver, module, sizeof(module)) < 0)
                module[0] = '\0';
        origin->ids = member->ids;
        /* The host's driver never had a chance: it gets one when the device comes home. */
        origin->any_driver = (subject->was_early || member->newcomer) && subject->before.driver[0] == '\0';
        origin->virtual_function = member->virtual_function;
        origin->power = subject->before.power;
        if ((r = virtual_function_read_link(work->transaction->kernel, subject->fd, subject->address, &origin->link)) <
                                        0 ||
                        (r = free_and_strdup(&origin->driver, subject->before.driver)) < 0 ||
                        (r = free_and_strdup(&origin->module, module)) < 0 ||
                        (r = free_and_strdup(&origin->override, subject->before.override)) < 0)
                return r;
        for (const HostName *name = member->names; name; name = name->next)
                if (!(member->newcomer && name->kind == HOST_NAME_NETWORK) &&
                                (r = host_name_list_add(&origin->names, name->kind, name->name, 0)) < 0)
                        return r;
        return record_add(record, member->address, RECORD_DETACHING, origin);
}

/* Says on disk what is about to happen. */
static int write_intent(Work *work, Problem *problem) {
        Transaction *transaction = work->transaction;
        const Plan *plan = transaction->plan;
        Record *record = transaction->record;
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                r = plan->verb == PLAN_DETACH ? snapshot(work, i, record)
                                              : record_add(record, plan->members[i].address, RECORD_REATTACHING,
                                                                plan->members[i].origin);
        if (r >= 0)
                r = record_write(transaction->state_fd, record);
        if (r >= 0 && transaction->recorded)
                transaction->recorded(transaction->progress_userdata);
        for (size_t i = 0; i < transaction->n_superseded && r >= 0; i++)
                r = record_delete(transaction->state_fd, transaction->superseded[i]);
        if (r < 0 && transaction->n_superseded == 0)
                (void)record_delete(transaction->state_fd, record->number);
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED,
                                "The record in /run/vfiod cannot be written, so nothing was changed: %s", strerror(-r));
        return 0;
}

/* Says on disk how it ended. After an undo, a device that is not as it was is still to be given back, and what is said of one that is stays what
 * it was. */
static int write_end(Work *work, bool undone) {
        Transaction *transaction = work->transaction;
        bool detach = transaction->plan->verb == PLAN_DETACH;
        Record *record = transaction->record;

        for (size_t i = 0; i < transaction->plan->n_members; i++) {
                const PlanMember *planned = &transaction->plan->members[i];
                RecordMember *member = record_find(record, planned->address);

                if (!member)
                        continue;
                /* A card that was pulled took along what was written to it. */
                bool restored = undone &&
                                (transaction_is_restored(&work->subjects[i]) ||
                                                (detach && subject_is_gone(&work->subjects[i])));
                if (undone ? restored && !planned->recorded : !detach)
                        record_remove_member(record, member);
                else if (undone && (!restored || planned->unfinished))
                        member->phase = RECORD_DETACHING;
                else
                        member->phase = RECORD_DETACHED;
        }
        return record->n_members > 0 ? record_write(transaction->state_fd, record)
                                     : record_delete(transaction->state_fd, record->number);
}

/* Steps that only look: they come before the record, so that a refusal leaves no trace. */
static bool step_writes(const PlanStep *step) {
        return step->kind != STEP_LOCK_NODE && step->kind != STEP_LOAD_DRIVER;
}

/* Whom an unbind that was asked for all the same waits for, into buffer; NULL for nobody. */
static const char *find_holder(const Work *work, const PlanStep *step, char buffer[static HOLDER_TEXT_MAX]) {
        const Transaction *transaction = work->transaction;
        Holder holder;
        int r = -ENOENT;

        /* The cdev is one of the device's own nodes. */
        if (step->kind == STEP_UNBIND && transaction->plan->force) {
                r = holder_of_device(transaction->kernel, work->subjects[step->member].address, &holder);
                if (r < 0)
                        r = holder_of_vfio_node(transaction->kernel, transaction->plan->group, &holder);
        } else if (step->kind == STEP_UNBIND && transaction->plan->overrides & 1U << GUARD_PROCESS)
                r = holder_of_device(transaction->kernel, work->subjects[step->member].address, &holder);
        return r < 0 ? NULL : holder_format(&holder, buffer);
}

static int check_cancelled(const Transaction *transaction, bool last, Problem *problem) {
        if (!transaction->is_cancelled || !transaction->is_cancelled(last, transaction->progress_userdata))
                return 0;
        return problem_set(problem, OUTCOME_CANCELLED, "The job was cancelled.");
}

static int do_steps(Work *work, bool writing, Problem *problem) {
        Transaction *transaction = work->transaction;

        for (size_t i = 0; i < transaction->plan->n_steps; i++) {
                const PlanStep *step = &transaction->plan->steps[i];

                if (step_writes(step) != writing)
                        continue;
                if (transaction->progress) {
                        char holder[HOLDER_TEXT_MAX];

                        transaction->progress(transaction->plan, i, find_holder(work, step, holder),
                                        transaction->progress_userdata);
                }
                int r = check_cancelled(transaction, false, problem);
                if (r != 0 || (r = do_step(work, step, problem)) != 0)
                        return r;
        }
        return 0;
}

/* To look may have taken long: a module was loaded, or somebody else was at a device and the kernel made us wait. */
static int look_again(const Work *work, Problem *problem) {
        int r = 0;

        for (size_t i = 0; i < work->n_subjects && r == 0; i++)
                r = subject_verify_unmoved(&work->subjects[i], problem);
        return r;
}

/* At the end each device is looked at once more: it may have been pulled, or moved by another hand, after its own last step. */
static int verify_all(const Work *work, Problem *problem) {
        for (size_t i = 0; i < work->n_subjects; i++) {
                const Subject *subject = &work->subjects[i];
                Binding now;

                int r = subject_read_binding(subject, &now);
                if (r < 0)
                        return problem_set(problem, OUTCOME_FAILED, "%s went away meanwhile: %s",
                                        PCI_ADDRESS_TEXT(subject->address), strerror(-r));
                if (!streq(now.driver, subject->target.driver) || !streq(now.override, subject->target.override))
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Somebody else moved %s meanwhile: it has driver '%s' and override '%s'.",
                                        PCI_ADDRESS_TEXT(subject->address), now.driver, now.override);
        }
        return 0;
}

static int compare_changes(const void *a, const void *b) {
        uint64_t x = pci_address_key(((const TransactionChange *)a)->address),
                 y = pci_address_key(((const TransactionChange *)b)->address);
        return x < y ? -1 : x > y;
}

static int collect_changes(const Work *work, TransactionReport *report) {
        report->changes = calloc(work->n_subjects, sizeof(TransactionChange));
        if (!report->changes)
                return -ENOMEM;
        for (size_t i = 0; i < work->n_subjects; i++) {
                const Subject *subject = &work->subjects[i];

                if (streq(subject->before.driver, subject->target.driver))
                        continue;
                TransactionChange *change = &report->changes[report->n_changes++];
                change->address = subject->address;
                memcpy(change->driver_before, subject->before.driver, DRIVER_NAME_MAX);
                memcpy(change->driver_after, subject->target.driver, DRIVER_NAME_MAX);
        }
        qsort(report->changes, report->n_changes, sizeof(TransactionChange), compare_changes);
        return 0;
}

void transaction_report_done(TransactionReport *report) {
        finding_list_done(&report->findings);
        free(report->changes);
        *report = (TransactionReport){};
}

int transaction_run(Transaction *transaction, TransactionReport *report, Problem *problem) {
        _cleanup_(work_done) Work work = {.transaction = transaction, .node_fd = -EBADF};
        const Plan *plan = transaction->plan;
        bool detach = plan->verb == PLAN_DETACH;
        int r;

        if (plan->verb == PLAN_SET_FUNCTIONS)
                return function_change_run(transaction, report, problem);
        if ((r = open_subjects(&work, problem)) != 0 ||
                        (r = survey(transaction->kernel, plan, work.subjects, report, problem)) != 0)
                return r;
        if (plan->only_plan)
                return collect_changes(&work, report);
        if (plan->fingerprint != 0 && plan->fingerprint != report->fingerprint)
                return problem_set(problem, OUTCOME_PLAN_STALE,
                                "The host is not as it was when the plan was made: make a new one with 'vfioctl plan "
                                "%s%s'.",
                                PCI_ADDRESS_TEXT(plan->selected), detach ? "" : " --reattach");
        /* What a reattach finds is a virtual machine, and the node's lock answers for that without a race. */
        if ((detach && (r = guard_decide(&report->findings, plan->overrides, plan->selected, problem)) != 0) ||
                        (r = claim_disks(&work, problem)) != 0 || (r = look_again(&work, problem)) != 0 ||
                        (r = do_steps(&work, false, problem)) != 0 || (r = write_intent(&work, problem)) != 0)
                return r;

        r = do_steps(&work, true, problem);
        if (r == 0)
                r = verify_all(&work, problem);
        if (r == 0)
                r = check_cancelled(transaction, true, problem);
        if (r == 0) {
                r = write_end(&work, false);
                /* Given back is given back: a record that stays behind names devices that are on the host. */
                if (r >= 0 || !detach)
                        return collect_changes(&work, report);
                (void)problem_set(problem, OUTCOME_FAILED, "The record in /run/vfiod cannot be written: %s.",
                                strerror(-r));
        }

        /* A record that cannot be written says "detaching" or "reattaching": the next start looks again. */
        r = transaction_undo(&work, problem);
        /* Of a reattach that is degraded all stay "reattaching": the next start gives them back together. */
        if (r == OUTCOME_ROLLED_BACK || r == OUTCOME_CANCELLED || (r == OUTCOME_DEGRADED && detach))
                (void)write_end(&work, true);
        return r;
}
