/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/vf-plan.h"
#include "base/text.h"

/* Checks whether the device can have this number of VFs. */
static int check_request(const Device *pf, unsigned count, Problem *problem) {
        const char *address = PCI_ADDRESS_TEXT(pf->address);

        if (!pf->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE, "%s is detached, and gone from its slot.", address);
        if (pf->virtual_function)
                return problem_set(problem, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                                "%s is a virtual function itself. Name its physical function, %s.", address,
                                PCI_ADDRESS_TEXT(device_physical_function(pf)));
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

/* Checks whether the PF is on its host driver, which creates the VFs. */
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
                                "Another program bound %s to %s. Only the host driver can create virtual functions. "
                                "Reattach the device with that program first (virsh, driverctl).",
                                address, pf->driver);
        default:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "%s has no driver, and only its driver can create virtual functions: load the "
                                "driver's module first.",
                                address);
        }
}

static bool is_as_wanted(const Device *vf, VfFate fate) {
        DeviceState state = device_state(vf);

        return fate == VFS_OF_HOST || state == (fate == VFS_DETACHED ? DEVICE_DETACHED : DEVICE_DRIVERLESS);
}

/* Checks the existing VFs. *ret becomes true if they are what the caller wants, so nothing needs to change. */
static int check_vfs(const Inventory *inventory, const Device *pf, unsigned count, VfFate fate, bool *ret,
                Problem *problem) {
        size_t n, n_vfs = 0;
        bool as_wanted = true;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                if (!device_is_vf_of(devices[i], pf))
                        continue;
                int r = plan_refuse_busy_device(devices[i], problem);
                if (r != 0)
                        return r;
                n_vfs++;
                as_wanted = as_wanted && is_as_wanted(devices[i], fate);
        }
        *ret = as_wanted && count == n_vfs;
        return 0;
}

/* Adds the existing VFs, which will vanish. A VF that another tool put on a vfio driver counts as in use. A VF that
 * vfiod detached does not, because the worker refuses it if a process holds it. */
static int add_vanishing(Plan *plan, const Inventory *inventory, const Device *pf) {
        PlanMember *member;
        size_t n;
        int r = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                char evidence[TEXT_ESCAPED_MAX(NAME_MAX) + 80];

                if (!device_is_vf_of(devices[i], pf) || (r = plan_add_member(plan, devices[i], &member)) < 0)
                        continue;
                member->parent = 0;
                if (!device_is_on_vfio(devices[i]) || member->recorded)
                        continue;
                (void)snprintf(evidence, sizeof(evidence), "it would vanish, and another tool has put it on %s",
                                TEXT_NAME(devices[i]->driver));
                r = finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, devices[i]->address, evidence);
        }
        return r;
}

/* Adds the VFs that a step will create. Their addresses are not known yet. */
static int add_created(Plan *plan, const char *driver) {
        for (unsigned i = 0; i < plan->vf_count; i++) {
                PlanMember *member;

                int r = plan_add_member(plan, NULL, &member);
                if (r < 0)
                        return r;
                member->parent = 0;
                member->virtual_function = member->created = true;
                if (driver && (r = plan_name_driver(member, driver)) < 0)
                        return r;
        }
        return 0;
}

int vf_plan_new(const Inventory *inventory, const Device *pf, unsigned count, const VfOptions *options, Plan **ret,
                Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        bool as_wanted = false;
        PlanMember *member;
        int r;

        if ((r = check_request(pf, count, problem)) != 0 ||
                        (r = check_vfs(inventory, pf, count, options->fate, &as_wanted, problem)) != 0)
                return r;
        if (as_wanted)
                return problem_set(problem, OUTCOME_ALREADY_DETACHED,
                                "%s has %u virtual functions already, and they are as asked for.",
                                PCI_ADDRESS_TEXT(pf->address), count);
        if ((r = check_driver(pf, problem)) != 0)
                return r;
        if (options->fate == VFS_DETACHED && count > 0 && (r = plan_refuse_without_iommu(options->iommu, problem)) != 0)
                return r;

        if ((r = plan_new(PLAN_SET_VFS, pf->group ? pf->group->number : IOMMU_GROUP_NONE, 0, &plan)) < 0 ||
                        (r = plan_add_member(plan, pf, &member)) < 0 || (r = add_vanishing(plan, inventory, pf)) < 0)
                return r;
        plan->selected = pf->address;
        plan->overrides = options->overrides;
        plan->vf_count = count;
        plan->vf_fate = options->fate;
        if ((r = add_created(plan, options->driver)) < 0 || (r = plan_add_all_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int vf_plan_decide(const Plan *plan, const FindingList *list, Problem *problem) {
        _cleanup_free_ char *text = NULL;
        char command[64];
        Guard first;

        (void)snprintf(command, sizeof(command), "vfioctl vfs %s %u", PCI_ADDRESS_TEXT(plan->selected), plan->vf_count);
        int r = finding_list_describe(list, plan->overrides, SIZE_MAX, "", command, &first, &text);
        return r <= 0 ? r
                      : problem_set(problem, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                                        "To change the number of virtual functions, the kernel must first remove those "
                                        "that exist, and they are in use: %s",
                                        text);
}
