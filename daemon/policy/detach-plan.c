/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "policy/consent.h"
#include "policy/plan.h"

static void append_device(FILE *text, const Device *device, const char *separator) {
        fprintf(text, "%s%s", separator, PCI_ADDRESS_TEXT(device->address));
        if (device->driver)
                fprintf(text, " (%s", TEXT_NAME(device->driver));
        for (const HostName *name = device->names; name; name = name->next)
                fprintf(text, "%s%s", device->driver || name != device->names ? ", " : " (", TEXT_NAME(name->name));
        if (device->driver || device->names)
                fputc(')', text);
}

/* Whether the device needs no change. */
static bool is_taken(const DetachOptions *options, const Device *device) {
        bool early = options->by_rule && device->appeared && device_state(device) == DEVICE_FOREIGN;
        return device_is_on_vfio(device) && !early;
}

/* The caller must have agreed to each device that goes along. */
static int check_consent(const Inventory *inventory, const Selection *selection, const DetachOptions *options,
                Problem *problem) {
        _cleanup_(consent_done) Consent consent = {};
        _cleanup_free_ char *list = NULL;
        size_t size, n = 0;

        int r = consent_read(inventory, selection, options->companions, &consent, problem);
        if (r != 0)
                return r;
        FILE *text = open_memstream(&list, &size);
        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < selection->group->n_members; i++) {
                const Device *device = selection->group->members[i];

                if (device != selection->device && device->endpoint && !is_taken(options, device) &&
                                !options->whole_group && !consent_covers(&consent, device))
                        append_device(text, device, n++ > 0 ? ", " : "");
        }
        if (fclose(text) != 0)
                return -ENOMEM;
        if (n == 0)
                return 0;
        assert(selection->device); /* Whoever names a group agrees to all of it. */
        return problem_set(problem, OUTCOME_GROUP_NEEDS_CONSENT,
                        "%s is in IOMMU group %d together with %s: a virtual machine can only "
                        "get all of them. Agree with the option 'companions' (vfioctl: --group).",
                        PCI_ADDRESS_TEXT(selection->device->address), selection->group->number, list);
}

/* Refuses what cannot be detached for a reason of its own. */
static int check_named(
                const Selection *selection, const IommuReport *iommu, const DetachOptions *options, Problem *problem) {
        const Device *device = selection->device;

        if (device && !device->present)
                return problem_set(problem, OUTCOME_ALREADY_DETACHED, "%s is detached, and gone from its slot.",
                                PCI_ADDRESS_TEXT(device->address));
        if (iommu->state != IOMMU_ON)
                return problem_set(problem, OUTCOME_NO_IOMMU,
                                "No device can be given to a virtual machine: the IOMMU is %s. %s",
                                iommu_state_to_string(iommu->state), iommu->reason);
        if (device && !device->endpoint)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT,
                                "%s is a bridge: it stays with the host. Name a device behind it.",
                                PCI_ADDRESS_TEXT(device->address));
        assert(device || selection->group);
        if (!selection->group)
                return problem_set(problem, OUTCOME_NO_GROUP,
                                "%s is in no IOMMU group: the IOMMU does not cover it, so it cannot be given to a "
                                "guest.",
                                PCI_ADDRESS_TEXT(device->address));
        if (device && device_state(device) == DEVICE_FOREIGN && is_taken(options, device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "%s is on %s already, but not by vfiod, so vfiod leaves it alone. Use "
                                "the tool that bound it (virsh, driverctl).",
                                PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver));
        if (group_count_endpoints(selection->group) == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT, "Group %d has only bridges: they stay with the host.",
                                selection->group->number);
        return 0;
}

/* vfiod never unbinds a bridge. A bridge on a driver that does DMA for the host makes the group not viable. */
static int check_bridges(const Group *group, Problem *problem) {
        for (size_t i = 0; i < group->n_members; i++) {
                const Device *device = group->members[i];

                if (!device->endpoint && device_blocks_group(device))
                        return problem_set(problem, OUTCOME_NOT_VIABLE,
                                        "No virtual machine could use group %d: its bridge %s is on the driver %s, "
                                        "which does DMA for the host. Unbind the bridge first (write its address to "
                                        "%s), or keep the driver from it at boot.",
                                        group->number, PCI_ADDRESS_TEXT(device->address), TEXT_NAME(device->driver),
                                        DRIVER_UNBIND_TEXT(device->driver));
        }
        return 0;
}

/* A PF that is detached already, or that a job changes, takes this VF along. */
static int find_leaving_parent(const Inventory *inventory, const Device *vf, Plan *plan) {
        const Device *pf = vf->virtual_function ? inventory_find_device(inventory, vf->physical_function) : NULL;
        char evidence[160];

        if (!pf || plan_find_member(plan, pf->address) >= 0 || (pf->activity == DEVICE_QUIET && !device_is_on_vfio(pf)))
                return 0;
        (void)snprintf(evidence, sizeof(evidence), "its physical function %s is %s, and this device vanishes with it",
                        PCI_ADDRESS_TEXT(pf->address), device_state_to_string(device_state(pf)));
        return finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, vf->address, evidence);
}

/* A device of another group vanishes with a member. If it has a driver, it is in use. */
static int add_vanishing(const Device *device, size_t parent, Plan *plan, Problem *problem) {
        const PciAddress parent_address = plan->members[parent].address;
        char evidence[160];

        int r = plan_refuse_busy_device(device, problem);
        if (r != 0 || (r = plan_add_member(plan, device)) < 0)
                return r;
        plan->members[plan->n_members - 1].parent = (int)parent;
        if (!device->driver)
                return 0;
        (void)snprintf(evidence, sizeof(evidence), "%s %s%s vanishes with it, and is on %s",
                        device->virtual_function ? "its virtual function" : "the device",
                        PCI_ADDRESS_TEXT(device->address), device->virtual_function ? "" : " behind it",
                        device->driver);
        return finding_list_add(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, parent_address, evidence);
}

static bool may_vanish(const Device *device) {
        return device->endpoint && (device->virtual_function || device->behind_controller);
}

static size_t count_dependent(const Inventory *inventory) {
        size_t n, n_dependent = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                n_dependent += may_vanish(devices[i]);
        return n_dependent;
}

/* Finds the members that vanish with another member, and adds devices of other groups that do. */
static int add_dependent_members(const Inventory *inventory, Plan *plan, Problem *problem) {
        size_t n, n_moved = plan->n_members;
        int r = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r == 0; i++) {
                for (size_t parent = 0; may_vanish(devices[i]) && parent < n_moved && r == 0; parent++) {
                        const Device *moved = inventory_find_device(inventory, plan->members[parent].address);

                        if (!moved || !device_vanishes_with(devices[i], moved))
                                continue;
                        int index = plan_find_member(plan, devices[i]->address);
                        if (index >= 0)
                                plan->members[index].parent = (int)parent;
                        else
                                r = add_vanishing(devices[i], parent, plan, problem);
                }
        }
        return r;
}

/* VFs leave before their PF, and functions with high numbers before .0. */
static int compare_leaving(const void *a, const void *b) {
        const PlanMember *x = a, *y = b;
        uint64_t key_x = pci_address_key(x->address), key_y = pci_address_key(y->address);

        if (x->virtual_function != y->virtual_function)
                return x->virtual_function ? -1 : 1;
        return key_x > key_y ? -1 : key_x < key_y;
}

static bool has_vfs(const Plan *plan, size_t parent) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].parent == (int)parent && plan->members[i].virtual_function)
                        return true;
        return false;
}

/* Adds the step for each member that is unbound by itself, or for each one that vanishes with another. */
static int add_pass(Plan *plan, StepKind kind, bool dependent) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (plan_member_depends(&plan->members[i]) == dependent)
                        r = plan_add_step(plan, kind, i);
        return r;
}

/* Adds the step for each PF whose VFs are members. */
static int add_pf_pass(Plan *plan, StepKind kind, unsigned value) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (has_vfs(plan, i))
                        r = plan_add_value_step(plan, kind, i, value);
        return r;
}

static int add_lock(Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan_member_depends(&plan->members[i]) && pci_driver_is_vfio(plan->members[i].before.driver))
                        return plan_add_step(plan, STEP_LOCK_NODE, i);
        return 0;
}

/* One kind of step for each member before the next kind begins: driver_override is set on all before any is unbound, and all
 * are unbound before any is probed. */
static int add_detach_steps(Plan *plan) {
        size_t moved = 0;
        int r;

        while (plan_member_depends(&plan->members[moved]))
                moved++;
        if ((r = add_lock(plan)) < 0 || (r = plan_add_step(plan, STEP_CLAIM_DISKS, moved)) < 0 ||
                        (r = plan_add_step(plan, STEP_LOAD_DRIVER, moved)) < 0 ||
                        (r = add_pass(plan, STEP_RECORD, true)) < 0 || (r = add_pass(plan, STEP_RECORD, false)) < 0 ||
                        (r = add_pf_pass(plan, STEP_SET_AUTOPROBE, 0)) < 0 ||
                        (r = add_pass(plan, STEP_OVERRIDE, false)) < 0 || (r = add_pass(plan, STEP_VANISH, true)) < 0 ||
                        (r = add_pf_pass(plan, STEP_SET_VFS, 0)) < 0 ||
                        (r = add_pf_pass(plan, STEP_SET_AUTOPROBE, AUTOPROBE_OF_HOST)) < 0 ||
                        (r = add_pass(plan, STEP_UNBIND, false)) < 0 || (r = add_pass(plan, STEP_PROBE, false)) < 0)
                return r;
        return plan_add_step(plan, STEP_WAIT_NODE, moved);
}

/* The endpoints of the group that are still with the host. */
static int add_group_members(Plan *plan, const Group *group, const DetachOptions *options, Problem *problem) {
        bool foreign = false;

        for (size_t i = 0; i < group->n_members; i++) {
                foreign = foreign || device_state(group->members[i]) == DEVICE_FOREIGN;
                if (!group->members[i]->endpoint || is_taken(options, group->members[i]))
                        continue;
                int r = plan_add_member(plan, group->members[i]);
                if (r < 0)
                        return r;
        }
        if (plan->n_members > 0)
                return 0;
        return problem_set(problem, group_state(group) == GROUP_FOREIGN ? OUTCOME_FOREIGN : OUTCOME_ALREADY_DETACHED,
                        "Nothing is left to detach in group %d: all its devices are on a vfio driver%s.", group->number,
                        foreign ? ", some of them not by vfiod" : "");
}

int plan_detach(const Inventory *inventory, const Selection *selection, const IommuReport *iommu,
                const DetachOptions *options, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const Group *group = selection->group;
        int r;

        if ((r = check_named(selection, iommu, options, problem)) != 0 ||
                        (r = plan_refuse_busy_group(group, problem)) != 0)
                return r;
        if ((r = plan_new(PLAN_DETACH, group->number, group->n_members + count_dependent(inventory), &plan)) < 0 ||
                        (r = add_group_members(plan, group, options, problem)) != 0 ||
                        (r = check_consent(inventory, selection, options, problem)) != 0 ||
                        (r = check_bridges(group, problem)) != 0)
                return r;

        plan->overrides = options->overrides;
        plan->by_rule = options->by_rule;
        plan->selected = selection->device ? selection->device->address : plan->members[0].address;
        qsort(plan->members, plan->n_members, sizeof(PlanMember), compare_leaving);
        if ((r = add_dependent_members(inventory, plan, problem)) != 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++) {
                const Device *device = inventory_find_device(inventory, plan->members[i].address);

                binding_set_driver(&plan->members[i].target, PLAN_VFIO_DRIVER);
                binding_set_override(&plan->members[i].target, PLAN_VFIO_DRIVER);
                if (device && (r = find_leaving_parent(inventory, device, plan)) < 0)
                        return r;
        }
        if ((r = add_detach_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
