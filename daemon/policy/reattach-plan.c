/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"

/* PFs come back before their VFs, and functions with low numbers first. */
static int compare_coming(const void *a, const void *b) {
        const PlanMember *x = a, *y = b;
        uint64_t key_x = pci_address_key(x->address), key_y = pci_address_key(y->address);

        if (x->virtual_function != y->virtual_function)
                return x->virtual_function ? 1 : -1;
        return key_x < key_y ? -1 : key_x > key_y;
}

static int add_pass(Plan *plan, StepKind kind) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (!plan_member_depends(&plan->members[i]))
                        r = plan_add_step(plan, kind, i);
        return r;
}

/* The VFs that vanished with the PF are created again, without a driver, and bound one by one. */
static int add_vf_steps(Plan *plan) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++) {
                const DeviceOrigin *origin = plan->members[i].origin;

                if (!plan_member_depends(&plan->members[i]) && origin->virtual_functions > 0 &&
                                (r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, i, 0)) >= 0)
                        r = plan_add_value_step(plan, STEP_SET_VFS, i, origin->virtual_functions);
        }
        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (plan_member_depends(&plan->members[i]))
                        r = plan_add_step(plan, STEP_APPEAR, i);
        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (!plan_member_depends(&plan->members[i]) && plan->members[i].origin->autoprobe_known)
                        r = plan_add_value_step(plan, STEP_SET_AUTOPROBE, i, AUTOPROBE_OF_HOST);
        return r;
}

static int add_link_and_power_steps(Plan *plan, StepKind kind) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++) {
                const Binding *target = &plan->members[i].target;
                bool has_power = target->power.control[0] != '\0' || target->power.d3cold_known;

                if (!plan_member_depends(&plan->members[i]) && (kind == STEP_SET_LINK ? target->link.known : has_power))
                        r = plan_add_step(plan, kind, i);
        }
        return r;
}

int plan_add_reattach_steps(Plan *plan) {
        int r;

        if (!plan->force && plan->group != IOMMU_GROUP_NONE && (r = plan_add_step(plan, STEP_LOCK_NODE, 0)) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++)
                if (plan->members[i].target.driver[0] != '\0' && (r = plan_add_step(plan, STEP_LOAD_DRIVER, i)) < 0)
                        return r;
        if ((r = add_pass(plan, STEP_OVERRIDE)) < 0 || (r = add_pass(plan, STEP_UNBIND)) < 0 ||
                        (r = add_link_and_power_steps(plan, STEP_SET_LINK)) < 0 ||
                        (r = add_pass(plan, STEP_PROBE)) < 0 ||
                        (r = add_link_and_power_steps(plan, STEP_SET_POWER)) < 0 || (r = add_vf_steps(plan)) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                r = plan_add_step(plan, STEP_FORGET, i);
        return r;
}

static int refuse_not_ours(const Device *device, const Group *group, Problem *problem) {
        assert(device || group);
        if (!device)
                return problem_set(problem,
                                group_state(group) == GROUP_FOREIGN ? OUTCOME_FOREIGN : OUTCOME_NOT_DETACHED,
                                "vfiod has not detached any device of group %d, so there is nothing to reattach.",
                                group->number);
        if (device->origin)
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "vfiod detached the card %04x:%04x at %s, but another card is there now "
                                "(%04x:%04x). vfiod leaves it alone.",
                                device->origin->ids.vendor, device->origin->ids.device,
                                PCI_ADDRESS_TEXT(device->address), device->ids.vendor, device->ids.device);
        if (device_is_on_vfio(device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "%s is on %s, but not by vfiod, so vfiod leaves it alone. Use the tool that bound it "
                                "(virsh, driverctl), or the option 'adopt' (vfioctl: --adopt).",
                                PCI_ADDRESS_TEXT(device->address), device->driver);
        return problem_set(problem, OUTCOME_NOT_DETACHED, "%s is not detached: it %s%s.",
                        PCI_ADDRESS_TEXT(device->address),
                        device->driver ? "is on the host's driver " : "has no driver", strempty(device->driver));
}

/* Another tool put the device on a vfio driver, and nobody knows which driver it had before. */
static int adopt_member(Plan *plan, const Device *device) {
        int r = plan_add_member(plan, device);
        if (r < 0)
                return r;
        PlanMember *member = &plan->members[plan->n_members - 1];
        member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!member->origin)
                return -ENOMEM;
        member->origin->ids = device->ids;
        member->origin->binding.any_driver = true;
        return 0;
}

/* Whether the device comes back with a parent at that address, which was detached so. A VF does not where another card, or the PF without VFs, was
 * detached in its PF's slot since. */
static bool comes_back_with(const Device *device, PciAddress parent, const DeviceOrigin *parent_origin) {
        return device->origin && device->origin->has_parent && pci_address_equal(device->origin->parent, parent) &&
                        (!device->origin->virtual_function || parent_origin->virtual_functions > 0);
}

/* The detached device with which an absent one comes back, or NULL. */
static const Device *find_parent(const Inventory *inventory, const Device *absent) {
        const DeviceOrigin *origin = absent->origin;
        const Device *parent = origin && origin->has_parent ? inventory_find_device(inventory, origin->parent) : NULL;

        return parent && parent->present && device_is_ours(parent) &&
                                        comes_back_with(absent, parent->address, parent->origin)
                        ? parent
                        : NULL;
}

/* Members that vanished with another member come back with it. */
static int add_vanished_members(const Inventory *inventory, Plan *plan) {
        size_t n, n_present = plan->n_members;
        int r = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                const Device *device = devices[i];

                if (device->present)
                        continue;
                for (size_t parent = 0; parent < n_present && r >= 0; parent++)
                        if (comes_back_with(device, plan->members[parent].address, plan->members[parent].origin) &&
                                        (r = plan_add_member(plan, device)) >= 0) {
                                plan->members[plan->n_members - 1].parent = (int)parent;
                                plan->members[plan->n_members - 1].virtual_function = device->origin->virtual_function;
                                break;
                        }
        }
        return r;
}

static size_t count_vanished(const Inventory *inventory) {
        size_t n, n_vanished = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                n_vanished += !devices[i]->present && devices[i]->origin && devices[i]->origin->has_parent;
        return n_vanished;
}

/* A device that is gone from its slot: vfiod forgets it. */
static int plan_forget(const Device *device, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = plan_refuse_busy_device(device, problem);
        if (r != 0 || (r = plan_new(PLAN_REATTACH, IOMMU_GROUP_NONE, 1, &plan)) < 0 ||
                        (r = plan_add_member(plan, device)) < 0 || (r = plan_add_step(plan, STEP_FORGET, 0)) < 0)
                return r;
        plan->selected = device->address;
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_reattach(const Inventory *inventory, const Selection *selection, const ReattachOptions *options, Plan **ret,
                Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const Device *named = selection->device;
        const Group *group = selection->group;
        int r;

        if (named && !named->present) {
                const Device *parent = find_parent(inventory, named);

                if (!parent)
                        return plan_forget(named, ret, problem);
                named = parent;
                group = parent->group;
        }
        if (!group)
                return refuse_not_ours(named, NULL, problem);
        if ((r = plan_refuse_busy_group(group, problem)) != 0 ||
                        (r = plan_new(PLAN_REATTACH, group->number, group->n_members + count_vanished(inventory),
                                         &plan)) < 0)
                return r;
        for (size_t i = 0; i < group->n_members && r >= 0; i++) {
                const Device *device = group->members[i];

                if (device_is_ours(device))
                        r = plan_add_member(plan, device);
                else if (options->adopt && device_state(device) == DEVICE_FOREIGN)
                        r = adopt_member(plan, device);
        }
        if (r < 0)
                return r;
        bool meant = !named || device_is_ours(named) || (options->adopt && device_state(named) == DEVICE_FOREIGN);
        if (plan->n_members == 0 || !meant)
                return refuse_not_ours(named, group, problem);
        plan->force = options->force;
        plan->selected = selection->device ? selection->device->address : plan->members[0].address;

        qsort(plan->members, plan->n_members, sizeof(PlanMember), compare_coming);
        if ((r = add_vanished_members(inventory, plan)) < 0)
                return r;
        for (size_t i = 0; i < plan->n_members; i++)
                plan->members[i].target = plan->members[i].origin->binding;
        if ((r = plan_add_reattach_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_release(const Device *device, bool appeared, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if ((r = plan_new(PLAN_REATTACH, device->group ? device->group->number : IOMMU_GROUP_NONE, 1, &plan)) < 0 ||
                        (r = plan_add_member(plan, device)) < 0)
                return r;
        PlanMember *member = &plan->members[0];
        device_origin_free(member->origin);
        member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!member->origin)
                return -ENOMEM;
        member->origin->ids = device->ids;
        member->appeared = appeared;
        member->target.any_driver = true;
        plan->by_rule = true;
        plan->selected = device->address;
        if ((r = plan_add_reattach_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
