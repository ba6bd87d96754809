/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/transaction.h"
#include "engine/engine.h"
#include "engine/rollback.h"
#include "engine/suitability.h"
#include "engine/survey.h"
#include "engine/vfio-driver.h"
#include "kernel/sriov.h"
#include "policy/plan-decision.h"
#include "state/device-file.h"
#include "state/transaction-file.h"

/* Before the first write: the values that the worker adds to the plan. */

static size_t count_vf_members(const Plan *plan, size_t parent) {
        size_t n = 0;

        for (size_t i = 0; i < plan->n_members; i++)
                n += plan->members[i].virtual_function && !plan->members[i].created &&
                                plan->members[i].parent == (int)parent;
        return n;
}

/* Finds what the host had set for sriov_drivers_autoprobe. If vfiod keeps it off, the state file says what the host
 * had. */
static int read_autoprobe_of_host(const Work *work, size_t i, DeviceOrigin *origin) {
        _cleanup_device_file_ DeviceFile file = {};
        PlanMember *member = &work->plan->members[i];
        bool needed = count_vf_members(work->plan, i) > 0 || work->plan->verb == PLAN_SET_VFS;

        int r = device_file_read(work->transaction->devices_fd, member->address, &file);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && file.origin->autoprobe_known && pci_ids_equal(&file.origin->ids, &member->ids)) {
                origin->autoprobe_known = true;
                origin->autoprobe = file.origin->autoprobe;
                member->recorded = work->plan->verb == PLAN_SET_VFS;
                return 0;
        }
        r = needed ? sriov_read_autoprobe(work->fds[i], &origin->autoprobe) : -ENOENT;
        origin->autoprobe_known = r >= 0;
        return r == -ENOENT ? 0 : r;
}

/* Finds the module of the driver that the member has now. All members with this driver have the same module. */
static int find_module(const Work *work, size_t i, char **ret) {
        const PlanMember *members = work->plan->members;
        const char *driver = members[i].before.driver;
        char module[DRIVER_NAME_MAX];

        for (size_t k = 0; k < i; k++)
                if (members[k].origin && members[k].origin->module && !members[k].recorded &&
                                streq(members[k].before.driver, driver))
                        return free_and_strdup(ret, members[k].origin->module);
        return modules_of_driver(work->kernel, driver, module, sizeof(module)) < 0 ? 0 : free_and_strdup(ret, module);
}

/* A reattach restores the device as it is now. */
static int make_origin(const Work *work, const HostIndex *index, size_t i) {
        const Plan *plan = work->plan;
        PlanMember *member = &work->plan->members[i];
        int r = 0;

        DeviceOrigin *origin = member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!origin)
                return -ENOMEM;
        origin->ids = member->ids;
        origin->binding = member->before;
        origin->virtual_function = member->virtual_function;
        origin->trial = plan->verb == PLAN_DETACH ? plan->trial : 0;
        if (plan_member_depends(member)) {
                origin->has_parent = true;
                origin->parent = plan->members[member->parent].address;
        }
        origin->virtual_functions = plan->verb == PLAN_DETACH ? (unsigned)count_vf_members(plan, i) : 0;
        r = read_autoprobe_of_host(work, i, origin);
        if (r >= 0)
                r = find_module(work, i, &origin->module);
        if (r >= 0)
                r = free_and_strdup(&origin->vfio_driver, member->named_driver);
        for (size_t n = 0; n < index->n_names && r >= 0; n++) {
                const HostIndexName *name = &index->names[n];

                /* udev may still rename the interface of a device that was plugged in just now. */
                if (pci_address_equal(name->address, member->address) &&
                                !(member->appeared && name->kind == HOST_NAME_NETWORK))
                        r = host_name_list_add(&origin->names, name->kind, name->name, 0);
        }
        return r < 0 ? r : 0;
}

static int make_origins(const Work *work, Problem *problem) {
        _cleanup_host_index_ HostIndex index = {};
        const Plan *plan = work->plan;

        bool needed = !work->has_names && (plan->verb == PLAN_DETACH || plan->verb == PLAN_SET_VFS);
        int r = needed ? host_index_read(work->kernel, HOST_NAMES_ALL, NULL, NULL, &index) : 0;
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED, "The names of the host's devices cannot be read: %s",
                                strerror(-r));
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                bool wanted = plan->verb == PLAN_DETACH || (plan->verb == PLAN_SET_VFS && i == 0);

                if (member->created || member->origin || !wanted)
                        continue;
                r = make_origin(work, work->has_names ? &work->names : &index, i);
                if (r == -ENOMEM || (r = work_check(work, i, r, "Cannot read", problem)) != 0)
                        return r;
        }
        return 0;
}

/* Fills in the values that steps write, and those that a revert writes: the value of the earlier step, or the current
 * value. */
static int fill_in_values(const Work *work, Problem *problem) {
        Plan *plan = work->plan;

        for (size_t i = 0; i < plan->n_steps; i++) {
                PlanStep *step = &plan->steps[i];
                const DeviceOrigin *origin = plan->members[step->member].origin;

                if (step->kind != STEP_SET_AUTOPROBE && step->kind != STEP_SET_VFS)
                        continue;
                if (step->kind == STEP_SET_AUTOPROBE && step->value == AUTOPROBE_OF_HOST)
                        step->value = origin && origin->autoprobe_known ? origin->autoprobe : 1;
                const PlanStep *earlier = work_find_earlier_step(work, i);
                if (earlier) {
                        step->before = earlier->value;
                        continue;
                }
                int r = work_read_value(work, step, &step->before);
                if (r < 0 && r != -ENOENT)
                        return work_check(work, step->member, r, "Cannot read the SR-IOV settings of", problem);
                if (r >= 0 && step->kind == STEP_SET_VFS && plan->verb != PLAN_REATTACH &&
                                step->before != count_vf_members(plan, step->member))
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Another program has just changed the virtual functions of %s. Nothing was "
                                        "changed: try again.",
                                        PCI_ADDRESS_TEXT(plan->members[step->member].address));
        }
        return 0;
}

/* Reads each device once more at the end: after its last step, another program may have changed it, or it was
 * pulled. */
static int verify_all(const Work *work, Problem *problem) {
        const Plan *plan = work->plan;

        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                Binding now;

                /* Members that vanished are gone, members that appeared were bound by their step, a PF keeps its
                 * driver. */
                bool moves = plan->verb == PLAN_SET_VFS ? member->created && plan->vf_fate == VFS_DETACHED
                                                        : !plan_member_depends(member) && !plan->forget;
                if (!moves)
                        continue;
                int r = work_check_read(work, i, work_read_drivers(work, i, &now), problem);
                if (r != 0)
                        return r;
                if (!streq(now.driver, member->target.driver) || !streq(now.override, member->target.override))
                        return problem_set(problem, OUTCOME_FAILED,
                                        "Another program changed %s meanwhile: it has driver '%s' and override '%s'.",
                                        PCI_ADDRESS_TEXT(member->address), now.driver, now.override);
        }
        return 0;
}

static int collect_changes(const Work *work, Report *report) {
        int r = 0;

        if (work->plan->verb != PLAN_SET_VFS)
                return report_add_planned_changes(report, work->plan);
        for (size_t i = 0; i < work->plan->n_members && r >= 0; i++) {
                Binding now;

                if (!work->plan->members[i].created)
                        continue;
                (void)work_read_drivers(work, i, &now);
                r = report_add_change(report, work->plan->members[i].address, "", now.driver);
        }
        return r;
}

static int write_transaction(const Work *work, int *ret_lock_fd, Problem *problem) {
        const Transaction *transaction = work->transaction;

        /* A reset undoes nothing of what an earlier transaction left. */
        int r = work->plan->verb == PLAN_RESET
                        ? 0
                        : transaction_files_drop(transaction->devices_fd, transaction->transactions_fd, work->plan);
        if (r >= 0)
                r = transaction_file_write(transaction->transactions_fd, transaction->number, work->plan, ret_lock_fd);
        if (r == -E2BIG)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "The devices have so many interfaces and disks that vfiod cannot save all of their "
                                "names, so nothing was changed.");
        if (r < 0)
                return problem_set(problem, OUTCOME_FAILED,
                                "The state folder cannot be written, so nothing was changed: %s", strerror(-r));
        if (transaction->recorded)
                transaction->recorded(transaction->callbacks.userdata);
        return 0;
}

/* After the removal of the file, nothing is reverted any more. */
static int commit(const Transaction *transaction, Problem *problem) {
        int r = transaction_file_remove(transaction->transactions_fd, transaction->number);
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "The state folder cannot be written: %s.", strerror(-r))
                     : 0;
}

/* Whether what vanishes with a member, or is reset with it, must be a member. */
static bool must_be_complete(const Plan *plan) {
        return plan->verb == PLAN_DETACH || plan->verb == PLAN_RESET;
}

static int run_steps(Work *work, Report *report, Problem *problem) {
        _cleanup_close_ int lock_fd = -EBADF;
        size_t n = 0;
        int r;

        if ((r = engine_apply(work, false, &n, problem)) != 0 || (r = work_verify_unmoved(work, problem)) != 0 ||
                        (r = survey_check_mediated(work, problem)) != 0 ||
                        (must_be_complete(work->plan) && (r = work_verify_complete(work, problem)) != 0) ||
                        (r = write_transaction(work, &lock_fd, problem)) != 0)
                return r;
        if ((r = engine_apply(work, true, &n, problem)) == 0 && (r = verify_all(work, problem)) == 0 &&
                        (r = engine_check_cancelled(work, true, problem)) == 0 &&
                        (r = commit(work->transaction, problem)) == 0)
                return collect_changes(work, report);
        if (r < 0 && !problem->message)
                (void)problem_set(problem, OUTCOME_FAILED, "%s", strerror(-r));
        return rollback_run(work, n, problem);
}

static int run(const Transaction *transaction, Report *report, Problem *problem) {
        __attribute__((cleanup(work_done))) Work work = {};
        const Plan *plan = transaction->plan;
        int r;

        if ((r = work_init(&work, transaction)) < 0)
                return r;
        if (plan->recovery)
                return recovery_run(&work, problem);
        if (plan_is_survey(plan))
                return survey(&work, report, problem);
        if ((r = work_open(&work, problem)) != 0 || (r = vfio_driver_choose(&work, problem)) != 0 ||
                        (r = suitability_check(&work, problem)) != 0 || (r = survey(&work, report, problem)) != 0)
                return r;
        if (plan->only_plan && plan->verb != PLAN_SET_VFS)
                return collect_changes(&work, report);
        if ((r = plan_decide(plan, &report->findings, report->fingerprint, problem)) != 0)
                return r;
        /* Only for a dry run, which has no list of changes: virtual functions that would be created have no driver yet. */
        if (plan->only_plan)
                return survey_check_unheld(&work, problem);
        if ((r = make_origins(&work, problem)) != 0 || (r = fill_in_values(&work, problem)) != 0)
                return r;
        r = run_steps(&work, report, problem);
        if (r == OUTCOME_HELD && (plan->verb == PLAN_REATTACH || plan->verb == PLAN_RESET) &&
                        report->findings.n_findings == 0) {
                int error = survey_add_holder(&work, report);
                if (error < 0)
                        return error;
        }
        return r;
}

int transaction_run(const Transaction *transaction, Report *report, Problem *problem) {
        int r = run(transaction, report, problem);

        report_take_warnings(report, transaction->plan);
        return r;
}
