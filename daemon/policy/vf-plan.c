/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/vf-plan.h"

static size_t count_vfs(const Inventory *inventory, const Device *pf) {
        size_t n, n_vfs = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                n_vfs += device_is_vf_of(devices[i], pf);
        return n_vfs;
}

/* Refuses what the named device cannot have. */
static int check_request(const Device *pf, unsigned count, Problem *problem) {
        const char *address = PCI_ADDRESS_TEXT(pf->address);

        if (!pf->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE, "%s is detached, and gone from its slot.", address);
        if (pf->virtual_function)
                return problem_set(problem, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                                "%s is a virtual function itself. Name its physical function, %s.", address,
                                PCI_ADDRESS_TEXT(pf->physical_function));
        if (pf->virtual_functions_max == 0)
                return problem_set(problem, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                                "%s has no virtual functions: the card has no SR-IOV, or the firmware has disabled it.",
                                address);
        if (count > pf->virtual_functions_max)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "%s can have %u virtual functions at most, not %u.", address, pf->virtual_functions_max,
                                count);
        return plan_refuse_busy_device(pf, problem);
}

/* The PF's driver creates the VFs. */
static int check_driver(const Device *pf, Problem *problem) {
        const char *address = PCI_ADDRESS_TEXT(pf->address);

        switch (device_state(pf)) {
        case DEVICE_HOST:
                return 0;
        case DEVICE_DETACHED:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "%s is detached, and only its driver on the host can create virtual functions. "
                                "Reattach it first: 'vfioctl reattach %s'.",
                                address, address);
        case DEVICE_FOREIGN:
                return problem_set(problem, OUTCOME_FOREIGN,
                                "%s is on %s, but not by vfiod. Only its driver on the host can create virtual "
                                "functions: use the tool that bound it (virsh, driverctl) to give it back.",
                                address, pf->driver);
        default:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "%s has no driver, and only its driver can create virtual functions: load the "
                                "driver's module first.",
                                address);
        }
}

static bool is_as_wanted(const Device *vf, VfFate fate) {
        switch (fate) {
        case VFS_DETACHED:
                return device_state(vf) == DEVICE_DETACHED;
        case VFS_DRIVERLESS:
                return device_state(vf) == DEVICE_DRIVERLESS;
        default:
                return true;
        }
}

/* The VFs that exist are going to vanish. One that another tool put on a vfio driver counts as in use; one that vfiod detached
 * does not, since the worker refuses it if a process holds it. */
static int add_vanishing(Plan *plan, const Inventory *inventory, const Device *pf) {
        size_t n;
        int r = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                char evidence[128];

                if (!device_is_vf_of(devices[i], pf) || (r = plan_add_member(plan, devices[i])) < 0)
                        continue;
                plan->members[plan->n_members - 1].parent = 0;
                if (!device_is_on_vfio(devices[i]) || device_is_ours(devices[i]))
                        continue;
                (void)snprintf(evidence, sizeof(evidence), "it would vanish, and another tool has put it on %s",
                                devices[i]->driver);
                r = finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, devices[i]->address, evidence);
        }
        return r;
}

/* The VFs that will exist. Their addresses are known once they do. */
static void add_created(Plan *plan, unsigned count) {
        for (unsigned i = 0; i < count; i++) {
                PlanMember *member = &plan->members[plan->n_members++];

                *member = (PlanMember){
                                .group = IOMMU_GROUP_NONE, .parent = 0, .virtual_function = true, .created = true};
                if (plan->vf_fate == VFS_DETACHED) {
                        binding_set_driver(&member->target, PLAN_VFIO_DRIVER);
                        binding_set_override(&member->target, PLAN_VFIO_DRIVER);
                }
        }
}

static int add_pass(Plan *plan, StepKind kind, size_t first, size_t end) {
        int r = 0;

        for (size_t i = first; i < end && r >= 0; i++)
                r = plan_add_step(plan, kind, i);
        return r;
}

static int add_removal_steps(Plan *plan, size_t end) {
        int r;

        if (end == 1)
                return 0;
        if ((r = add_pass(plan, STEP_VANISH, 1, end)) < 0 || (r = plan_add_value_step(plan, STEP_SET_VFS, 0, 0)) < 0)
                return r;
        for (size_t i = 1; i < end && r >= 0; i++)
                if (plan->members[i].recorded)
                        r = plan_add_step(plan, STEP_FORGET, i);
        return r;
}

static int add_creation_steps(Plan *plan, size_t first) {
        int r;

        if (plan->vf_count == 0)
                return 0;
        if (plan->vf_fate == VFS_OF_HOST &&
                        (r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, AUTOPROBE_OF_HOST)) < 0)
                return r;
        if ((r = plan_add_value_step(plan, STEP_SET_VFS, 0, plan->vf_count)) < 0)
                return r;
        if (plan->vf_fate != VFS_DETACHED)
                return 0;
        if ((r = add_pass(plan, STEP_RECORD, first, plan->n_members)) < 0 ||
                        (r = add_pass(plan, STEP_OVERRIDE, first, plan->n_members)) < 0 ||
                        (r = add_pass(plan, STEP_PROBE, first, plan->n_members)) < 0)
                return r;
        return add_pass(plan, STEP_WAIT_NODE, first, plan->n_members);
}

/* The host's drivers are kept away while VFs are removed and created, so that a revert can bind each as it was. */
static int add_steps(Plan *plan, size_t first_created) {
        bool detach = plan->vf_fate == VFS_DETACHED && plan->vf_count > 0;
        bool driverless = plan->vf_fate == VFS_DRIVERLESS && plan->vf_count > 0;
        int r = 0;

        for (size_t i = 1; i < first_created && r >= 0; i++)
                if (pci_driver_is_vfio(plan->members[i].before.driver)) {
                        r = plan_add_step(plan, STEP_LOCK_NODE, i);
                        break;
                }
        if (r >= 0 && first_created > 1)
                r = plan_add_step(plan, STEP_CLAIM_DISKS, 1);
        if (r >= 0 && detach)
                r = plan_add_step(plan, STEP_LOAD_DRIVER, first_created);
        /* As long as VFs stay without a driver, the state file of the PF says what the host's setting was. */
        if (r >= 0 && driverless)
                r = plan_add_step(plan, STEP_RECORD, 0);
        if (r >= 0 && (first_created > 1 || detach || driverless))
                r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, 0);
        if (r < 0 || (r = add_removal_steps(plan, first_created)) < 0 ||
                        (r = add_creation_steps(plan, first_created)) < 0)
                return r;
        if (driverless)
                return 0;
        r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, 0, AUTOPROBE_OF_HOST);
        return r < 0 ? r : plan_add_step(plan, STEP_FORGET, 0);
}

int vf_plan_new(const Inventory *inventory, const Device *pf, unsigned count, const VfOptions *options, Plan **ret,
                Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        size_t n, n_vfs = count_vfs(inventory, pf);
        bool as_wanted = true;
        int r;

        if ((r = check_request(pf, count, problem)) != 0)
                return r;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                if (!device_is_vf_of(devices[i], pf))
                        continue;
                if ((r = plan_refuse_busy_device(devices[i], problem)) != 0)
                        return r;
                as_wanted = as_wanted && is_as_wanted(devices[i], options->fate);
        }
        if (as_wanted && count == n_vfs)
                return problem_set(problem, OUTCOME_ALREADY_DETACHED,
                                "%s has %u virtual functions already, and they are as asked for.",
                                PCI_ADDRESS_TEXT(pf->address), count);
        if ((r = check_driver(pf, problem)) != 0)
                return r;
        if (options->fate == VFS_DETACHED && count > 0 && options->iommu->state != IOMMU_ON)
                return problem_set(problem, OUTCOME_NO_IOMMU,
                                "No device can be given to a virtual machine: the IOMMU is %s. %s",
                                iommu_state_to_string(options->iommu->state), options->iommu->reason);

        int group = pf->group ? pf->group->number : IOMMU_GROUP_NONE;
        if ((r = plan_new(PLAN_SET_VFS, group, 1 + n_vfs + count, &plan)) < 0 || (r = plan_add_member(plan, pf)) < 0 ||
                        (r = add_vanishing(plan, inventory, pf)) < 0)
                return r;
        plan->selected = pf->address;
        plan->overrides = options->overrides;
        plan->vf_count = count;
        plan->vf_fate = options->fate;
        size_t first_created = plan->n_members;
        add_created(plan, count);
        if ((r = add_steps(plan, first_created)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int vf_plan_decide(const Plan *plan, const FindingList *list, Problem *problem) {
        _cleanup_free_ char *text = NULL;
        unsigned refusing = 0;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_findings; i++) {
                const Finding *finding = &list->findings[i];

                if (plan->overrides & 1U << finding->guard)
                        continue;
                fprintf(stream, "%s%s: %s", refusing > 0 ? "; " : "", PCI_ADDRESS_TEXT(finding->address),
                                finding->evidence);
                refusing |= 1U << finding->guard;
        }
        fprintf(stream, ". If you are sure: vfioctl vfs %s %u --override=", PCI_ADDRESS_TEXT(plan->selected),
                        plan->vf_count);
        const char *separator = "";
        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if ((refusing | plan->overrides) & 1U << guard) {
                        fprintf(stream, "%s%s", separator, guard_to_string(guard));
                        separator = ",";
                }
        if (fclose(stream) != 0)
                return -ENOMEM;
        if (refusing == 0)
                return 0;
        return problem_set(problem, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                        "To change the number of virtual functions, the kernel must first remove those that exist, and "
                        "they are in use: %s",
                        text);
}
