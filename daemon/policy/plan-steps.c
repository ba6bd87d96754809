/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"

/* The steps of a plan, which follow from its verb, its members and its options. */

/* Detach. */

static bool has_vfs(const Plan *plan, size_t parent) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].parent == (int)parent && plan->members[i].virtual_function)
                        return true;
        return false;
}

/* Adds the step for each PF whose VFs are members. */
static void add_pf_steps(Plan *plan, StepKind kind, unsigned value) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (has_vfs(plan, i))
                        (void)plan_add_value_step(plan, kind, i, value);
}

/* Adds one lock for all members that vanish while they are on a vfio driver. */
static void add_lock(Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan_member_depends(&plan->members[i]) && pci_driver_is_vfio(plan->members[i].before.driver)) {
                        (void)plan_add_step(plan, STEP_LOCK_NODE, i);
                        return;
                }
}

/* Adds one kind of step for all members before the next kind: driver_override is set on all members before the first is
 * unbound, and all are unbound before the first is probed. */
static int add_detach_steps(Plan *plan) {
        size_t moved = 0;

        while (plan_member_depends(&plan->members[moved]))
                moved++;
        add_lock(plan);
        (void)plan_add_step(plan, STEP_CLAIM_DISKS, moved);
        (void)plan_add_step(plan, STEP_LOAD_DRIVER, moved);
        (void)plan_add_steps(plan, STEP_RECORD, true);
        (void)plan_add_steps(plan, STEP_RECORD, false);
        add_pf_steps(plan, STEP_SET_AUTOPROBE, 0);
        (void)plan_add_steps(plan, STEP_OVERRIDE, false);
        (void)plan_add_steps(plan, STEP_VANISH, true);
        add_pf_steps(plan, STEP_SET_VFS, 0);
        add_pf_steps(plan, STEP_SET_AUTOPROBE, AUTOPROBE_OF_HOST);
        (void)plan_add_steps(plan, STEP_UNBIND, false);
        (void)plan_add_steps(plan, STEP_PROBE, false);
        return plan_add_step(plan, STEP_WAIT_NODE, moved);
}

/* Reattach. */

/* Creates the VFs that vanished with their PF again, without a driver, and binds each of them. */
static void add_appearing_vfs(Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++) {
                const DeviceOrigin *origin = plan->members[i].origin;

                if (plan_member_depends(&plan->members[i]) || origin->virtual_functions == 0)
                        continue;
                (void)plan_add_value_step(plan, STEP_SET_AUTOPROBE, i, 0);
                (void)plan_add_value_step(plan, STEP_SET_VFS, i, origin->virtual_functions);
        }
        (void)plan_add_steps(plan, STEP_APPEAR, true);
        for (size_t i = 0; i < plan->n_members; i++)
                if (!plan_member_depends(&plan->members[i]) && plan->members[i].origin->autoprobe_known)
                        (void)plan_add_value_step(plan, STEP_SET_AUTOPROBE, i, AUTOPROBE_OF_HOST);
}

static void add_link_or_power_steps(Plan *plan, StepKind kind) {
        for (size_t i = 0; i < plan->n_members; i++) {
                const Binding *target = &plan->members[i].target;
                bool has_power = target->power.control[0] != '\0' || target->power.d3cold_known;

                if (!plan_member_depends(&plan->members[i]) && (kind == STEP_SET_LINK ? target->link.known : has_power))
                        (void)plan_add_step(plan, kind, i);
        }
}

static int add_reattach_steps(Plan *plan) {
        if (!plan->force && plan->group != IOMMU_GROUP_NONE)
                (void)plan_add_step(plan, STEP_LOCK_NODE, 0);
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].target.driver[0] != '\0')
                        (void)plan_add_step(plan, STEP_LOAD_DRIVER, i);
        (void)plan_add_steps(plan, STEP_OVERRIDE, false);
        (void)plan_add_steps(plan, STEP_UNBIND, false);
        add_link_or_power_steps(plan, STEP_SET_LINK);
        (void)plan_add_steps(plan, STEP_PROBE, false);
        add_link_or_power_steps(plan, STEP_SET_POWER);
        add_appearing_vfs(plan);
        for (size_t i = 0; i < plan->n_members; i++)
                (void)plan_add_step(plan, STEP_FORGET, i);
        return plan->incomplete ? -ENOMEM : 0;
}

/* Change of the number of VFs. */

static void add_range(Plan *plan, StepKind kind, size_t first, size_t end) {
        for (size_t i = first; i < end; i++)
                (void)plan_add_step(plan, kind, i);
}

/* Removes the existing VFs and creates the new ones. Meanwhile the host drivers do not bind by themselves, so that a
 * revert can bind each VF as it was. */
static int add_set_vfs_steps(Plan *plan) {
        size_t first_created = 1;

        while (first_created < plan->n_members && !plan->members[first_created].created)
                first_created++;
        bool detach = plan->vf_fate == VFS_DETACHED && plan->vf_count > 0;
        bool driverless = plan->vf_fate == VFS_DRIVERLESS && plan->vf_count > 0, remove = first_created > 1;

        add_lock(plan);
        if (remove)
                (void)plan_add_step(plan, STEP_CLAIM_DISKS, 1);
        if (detach)
                (void)plan_add_step(plan, STEP_LOAD_DRIVER, first_created);
        if (driverless) /* As long as VFs have no driver, the state file of the PF contains the setting of the host. */
                (void)plan_add_step(plan, STEP_RECORD, 0);
        if (remove || detach || driverless)
                (void)plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, 0);
        if (remove) {
                add_range(plan, STEP_VANISH, 1, first_created);
                (void)plan_add_value_step(plan, STEP_SET_VFS, 0, 0);
        }
        for (size_t i = 1; i < first_created; i++)
                if (plan->members[i].recorded)
                        (void)plan_add_step(plan, STEP_FORGET, i);
        if (plan->vf_count > 0 && plan->vf_fate == VFS_OF_HOST)
                (void)plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, AUTOPROBE_OF_HOST);
        if (plan->vf_count > 0)
                (void)plan_add_value_step(plan, STEP_SET_VFS, 0, plan->vf_count);
        if (detach) {
                add_range(plan, STEP_RECORD, first_created, plan->n_members);
                add_range(plan, STEP_OVERRIDE, first_created, plan->n_members);
                add_range(plan, STEP_PROBE, first_created, plan->n_members);
                add_range(plan, STEP_WAIT_NODE, first_created, plan->n_members);
        }
        if (!driverless) {
                (void)plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, AUTOPROBE_OF_HOST);
                (void)plan_add_step(plan, STEP_FORGET, 0);
        }
        return plan->incomplete ? -ENOMEM : 0;
}

/* Reset. Without an IOMMU group there is no node, but the lock also looks for open cdevs. */

static int add_reset_steps(Plan *plan) {
        (void)plan_add_step(plan, STEP_LOCK_NODE, 0);
        return plan_add_step(plan, STEP_RESET, 0);
}

static void set_target(const Plan *plan, PlanMember *member) {
        if (plan_binds_vfio(plan, member))
                plan_set_vfio_driver(member, member->named_driver ?: PLAN_VFIO_DRIVER);
        else if (plan->verb == PLAN_REATTACH)
                member->target = member->origin->binding;
        else if (plan->verb == PLAN_RESET)
                member->target = member->before;
}

int plan_add_all_steps(Plan *plan) {
        for (size_t i = 0; i < plan->n_members && !plan->forget; i++)
                set_target(plan, &plan->members[i]);
        if (plan->forget)
                return plan_add_step(plan, STEP_FORGET, 0);
        switch (plan->verb) {
        case PLAN_DETACH:
                return add_detach_steps(plan);
        case PLAN_REATTACH:
                return add_reattach_steps(plan);
        case PLAN_RESET:
                return add_reset_steps(plan);
        default:
                return add_set_vfs_steps(plan);
        }
}
