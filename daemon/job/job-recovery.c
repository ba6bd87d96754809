/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job-internal.h"

int job_read_left_plan(const Job *job, Plan **ret) {
        const State *state = job->table->state;
        pid_t owner;

        if (!state_find_transaction(state, job->transaction))
                return -ENOENT;
        return transaction_file_read(state->transactions_fd, job->transaction, ret, &owner);
}

/* Lists the changes that the plan makes. The worker that would have reported them is dead. */
static int list_planned_changes(const Job *job, Report *report) {
        const Plan *plan = job->plan;

        if (plan->verb == PLAN_SET_VFS)
                return job_list_vfs(job, report);
        return report_add_planned_changes(report, plan);
}

static bool all_are_gone(const Job *job) {
        for (size_t i = 0; i < job->plan->n_members; i++) {
                const Device *device = inventory_find_device(job->table->inventory, job->plan->members[i].address);

                if (!job->plan->members[i].created && device && device->present)
                        return false;
        }
        return true;
}

/* The kernel does not tell later whether it reset a device. Nothing else was changed. */
static int report_reset_unknown(const Job *job, WorkerResult *result) {
        result->error = 0;
        return problem_set(&result->problem, OUTCOME_FAILED,
                        "The worker process for %s died. Nobody knows whether the device was reset: reset it again.",
                        PCI_ADDRESS_TEXT(job->plan->selected));
}

int job_conclude_recovery(const Job *job, WorkerResult *result) {
        const char *selected = PCI_ADDRESS_TEXT(job->plan->selected);

        if (all_are_gone(job))
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for %s died, and the devices are gone from their slots: list the "
                                "devices again with 'vfioctl devices'.",
                                selected);
        if (job->plan->verb == PLAN_RESET)
                return report_reset_unknown(job, result);
        if (result->error < 0 || result->problem.outcome != OUTCOME_DONE) {
                _cleanup_free_ char *cause = TAKE_PTR(result->problem.message);

                result->error = 0;
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for %s died, and vfiod could not undo its changes%s%s See "
                                "'vfioctl show %s', then reattach the device.",
                                selected, cause ? ": " : ".", strempty(cause), selected);
        }
        if (job->plan->verb == PLAN_REATTACH)
                return list_planned_changes(job, &result->report);
        return problem_set(&result->problem, OUTCOME_ROLLED_BACK,
                        "The worker process for %s died. Everything is as it was before.", selected);
}

/* Tells whether the member is detached: this very card has a state file, and has the driver or has vanished. */
static bool is_detached(const Device *device, const PlanMember *member) {
        return device && device->origin && pci_ids_equal(&device->origin->ids, &member->ids) &&
                        (plan_member_depends(member) ? !device->present : device_is_on_vfio(device));
}

static bool vfs_are_set(const Job *job) {
        const Plan *plan = job->plan;
        const Device *pf = inventory_find_device(job->table->inventory, plan->members[0].address);
        size_t n, n_vfs = 0, n_detached = 0;

        Device *const *devices = inventory_devices(job->table->inventory, &n);
        for (size_t i = 0; pf && i < n; i++)
                if (device_is_vf_of(devices[i], pf)) {
                        n_vfs++;
                        n_detached += devices[i]->origin != NULL;
                }
        return pf && n_vfs == plan->vf_count && n_detached == (plan->vf_fate == VFS_DETACHED ? n_vfs : 0);
}

/* Tells whether the job has done all of its work. The state files and the devices were read after the end of its
 * worker. */
static bool is_done(const Job *job) {
        const Plan *plan = job->plan;

        if (plan->verb == PLAN_SET_VFS)
                return vfs_are_set(job);
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                const Device *device = inventory_find_device(job->table->inventory, member->address);

                if (plan->verb == PLAN_DETACH ? !is_detached(device, member) : device && device->origin)
                        return false;
        }
        return true;
}

int job_conclude(const Job *job, WorkerResult *result) {
        if (job->plan->verb == PLAN_RESET)
                return report_reset_unknown(job, result);
        if (is_done(job))
                return list_planned_changes(job, &result->report);
        return problem_set(&result->problem, OUTCOME_FAILED,
                        "The worker process for %s died before it changed anything, or after it had undone all: try "
                        "again.",
                        PCI_ADDRESS_TEXT(job->plan->selected));
}
