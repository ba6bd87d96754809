/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/engine.h"
#include "engine/steps.h"
#include "usage/census.h"

static const StepRow *const rows[_STEP_KIND_MAX] = {
                [STEP_LOCK_NODE] = &lock_node_row,
                [STEP_CLAIM_DISKS] = &claim_disks_row,
                [STEP_LOAD_DRIVER] = &load_driver_row,
                [STEP_RECORD] = &record_row,
                [STEP_SET_AUTOPROBE] = &set_autoprobe_row,
                [STEP_VANISH] = &vanish_row,
                [STEP_OVERRIDE] = &override_row,
                [STEP_UNBIND] = &unbind_row,
                [STEP_SET_VFS] = &set_vfs_row,
                [STEP_SET_LINK] = &set_link_row,
                [STEP_PROBE] = &probe_row,
                [STEP_APPEAR] = &appear_row,
                [STEP_SET_POWER] = &set_power_row,
                [STEP_WAIT_NODE] = &wait_node_row,
                [STEP_RESET] = &reset_row,
                [STEP_FORGET] = &forget_row,
};

/* Returns the process that an unbind waits for if the caller wants the unbind in spite of that process, as text in
 * buffer; NULL for none. */
static const char *find_holder(const Work *work, const PlanStep *step, char buffer[static HOLDER_TEXT_MAX]) {
        const Plan *plan = work->plan;
        const PlanMember *member = &plan->members[step->member];
        Holder holder;

        if (step->kind != STEP_UNBIND || (!plan->force && !(plan->overrides & 1U << GUARD_PROCESS)))
                return NULL;
        /* The device's own nodes include its vfio cdev. */
        int r = holder_of_device(work->kernel, member->address, &holder);
        if (r < 0 && plan->force)
                r = holder_of_vfio_node(work->kernel, member->group, 0, &holder);
        return r < 0 ? NULL : holder_format(&holder, buffer);
}

static void report_progress(const Work *work, size_t i, const char *holder) {
        const EngineCallbacks *callbacks = &work->transaction->callbacks;

        if (callbacks->progress)
                callbacks->progress(i, holder, callbacks->userdata);
}

int engine_check_cancelled(const Work *work, bool last, Problem *problem) {
        const EngineCallbacks *callbacks = &work->transaction->callbacks;

        if (!callbacks->is_cancelled || !callbacks->is_cancelled(last, callbacks->userdata))
                return 0;
        return problem_set(problem, OUTCOME_CANCELLED, "The job was cancelled.");
}

int engine_apply(Work *work, bool writing, size_t *ret_n, Problem *problem) {
        Plan *plan = work->plan;
        int r = 0;

        for (size_t i = 0; i < plan->n_steps && r == 0; i++) {
                const PlanStep *step = &plan->steps[i];
                char holder[HOLDER_TEXT_MAX];

                if (step_kind_writes(step->kind) != writing)
                        continue;
                report_progress(work, i, find_holder(work, step, holder));
                if ((r = engine_check_cancelled(work, false, problem)) != 0)
                        return r;
                *ret_n = i + 1;
                const StepRow *row = rows[step->kind];
                if (row->apply)
                        r = row->apply(work, step, problem);
                if (r == 0 && row->verify)
                        r = row->verify(work, step, problem);
        }
        return r;
}

static bool is_on_vfio(const Work *work, size_t i) {
        Binding now;
        return work_read_drivers(work, i, &now) >= 0 && pci_driver_is_vfio(now.driver);
}

/* Holds the groups that are on a vfio driver now. If a virtual machine has one of them, vfiod changes none of them. */
static void hold_groups(Work *work, Problem *held) {
        size_t n = 0;

        /* A group that had no node may have one by now. */
        for (size_t i = 0; i < work->n_groups; i++)
                if (work->groups[i].fd >= 0)
                        work->groups[n++] = work->groups[i];
        work->n_groups = n;
        if (work_hold_members(work, is_on_vfio, held) != 0)
                work_release_groups(work);
}

void engine_revert(Work *work, size_t n, Problem *held) {
        hold_groups(work, held);
        disk_claims_release(&work->claims);
        for (size_t i = n; i > 0; i--) {
                _cleanup_problem_ Problem ignored = {};
                const PlanStep *step = &work->plan->steps[i - 1];

                if (!rows[step->kind]->revert)
                        continue;
                report_progress(work, i - 1, NULL);
                (void)rows[step->kind]->revert(work, step, &ignored);
        }
}
