/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/engine.h"
#include "engine/steps.h"
#include "usage/holders.h"

/* The process that an unbind waits for, if the caller asked for it in spite of that process; into buffer. The cdev is one of the
 * device's own nodes. */
static const char *find_holder(const Work *work, const PlanStep *step, char buffer[static HOLDER_TEXT_MAX]) {
        const Plan *plan = work->plan;
        const PlanMember *member = &plan->members[step->member];
        Holder holder;

        if (step->kind != STEP_UNBIND || (!plan->force && !(plan->overrides & 1U << GUARD_PROCESS)))
                return NULL;
        int r = holder_of_device(work->kernel, member->address, &holder);
        if (r < 0 && plan->force)
                r = holder_of_vfio_node(work->kernel, member->group, &holder);
        return r < 0 ? NULL : holder_format(&holder, buffer);
}

static int run_step(Work *work, const PlanStep *step, Problem *problem) {
        const StepRow *row = step_row(step->kind);

        int r = row->apply ? row->apply(work, step, problem) : 0;
        return r == 0 && row->verify ? row->verify(work, step, problem) : r;
}

int engine_apply(Work *work, bool writing, const EngineCallbacks *callbacks, size_t *ret_n, Problem *problem) {
        Plan *plan = work->plan;
        int r = 0;

        for (size_t i = 0; i < plan->n_steps && r == 0; i++) {
                PlanStep *step = &plan->steps[i];
                char holder[HOLDER_TEXT_MAX];

                if (step_kind_writes(step->kind) != writing)
                        continue;
                if (callbacks->progress)
                        callbacks->progress(i, find_holder(work, step, holder), callbacks->userdata);
                if (callbacks->is_cancelled && callbacks->is_cancelled(false, callbacks->userdata))
                        return problem_set(problem, OUTCOME_CANCELLED, "The job was cancelled.");
                *ret_n = i + 1;
                r = run_step(work, step, problem);
        }
        return r;
}

/* Holds the groups that are on a vfio driver now. If a virtual machine has one of them, none of them is changed. */
static void hold_groups(Work *work, Problem *held) {
        size_t n = 0;

        /* A group that had no node may have one by now. */
        for (size_t i = 0; i < work->n_groups; i++)
                if (work->groups[i].fd >= 0)
                        work->groups[n++] = work->groups[i];
        work->n_groups = n;
        n = 0;
        _cleanup_free_ GroupDevice *devices = calloc(work->plan->n_members, sizeof(GroupDevice));
        for (size_t i = 0; devices && i < work->plan->n_members; i++) {
                Binding now;

                if (work_read_binding(work, i, &now) >= 0 && pci_driver_is_vfio(now.driver))
                        devices[n++] = (GroupDevice){work->plan->members[i].address, work->plan->members[i].group};
        }
        if (!devices || work_hold_groups(work, devices, n, held) != 0)
                work_release_groups(work);
}

void engine_revert(Work *work, size_t n, const EngineCallbacks *callbacks, Problem *held) {
        hold_groups(work, held);
        disk_claims_release(&work->claims);
        for (size_t i = n; i > 0; i--) {
                _cleanup_problem_ Problem ignored = {};
                const PlanStep *step = &work->plan->steps[i - 1];
                const StepRow *row = step_row(step->kind);

                if (!row->revert)
                        continue;
                if (callbacks->progress)
                        callbacks->progress(i - 1, NULL, callbacks->userdata);
                /* What a revert could not do is found when the devices are looked at afterwards. */
                (void)row->revert(work, step, &ignored);
        }
}
