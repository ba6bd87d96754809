/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"

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
                                "(%04x:%04x). vfiod does not touch it.",
                                device->origin->ids.vendor, device->origin->ids.device,
                                PCI_ADDRESS_TEXT(device->address), device->ids.vendor, device->ids.device);
        if (device_is_on_vfio(device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "Another program bound %s to %s. vfiod does not touch it. Use the tool that bound it "
                                "(virsh, driverctl), or the option 'adopt' (vfioctl: --adopt).",
                                PCI_ADDRESS_TEXT(device->address), device->driver);
        return problem_set(problem, OUTCOME_NOT_DETACHED, "%s is not detached: it %s%s.",
                        PCI_ADDRESS_TEXT(device->address),
                        device->driver ? "is on the host's driver " : "has no driver", strempty(device->driver));
}

/* Tells whether the plan reattaches the device: vfiod detached it; or another tool did, and the caller adopts it. */
static bool is_wanted(const Device *device, const ReattachOptions *options) {
        return device_is_ours(device) || (options->adopt && device_state(device) == DEVICE_FOREIGN);
}

static int add_group_members(Plan *plan, const Group *group, const ReattachOptions *options) {
        for (size_t i = 0; i < group->n_members; i++) {
                PlanMember *member;
                int r;

                if (!is_wanted(group->members[i], options))
                        continue;
                if ((r = plan_add_member(plan, group->members[i], &member)) < 0 ||
                                (!member->recorded && (r = plan_set_unknown_origin(member)) < 0))
                        return r;
        }
        return 0;
}

/* Tells whether the absent device will appear again with the parent at that address. A VF does not if another card, or
 * the PF without VFs, was detached in the slot of its PF later. */
static bool appears_with(const Device *device, PciAddress parent, const DeviceOrigin *parent_origin) {
        const DeviceOrigin *origin = device->origin;

        return origin && origin->has_parent && pci_address_equal(origin->parent, parent) &&
                        (!origin->virtual_function || parent_origin->virtual_functions > 0);
}

/* Finds the detached device with which the absent device vanished. Returns NULL for none. */
static const Device *find_parent(const Inventory *inventory, const Device *absent) {
        const DeviceOrigin *origin = absent->origin;
        const Device *parent = origin && origin->has_parent ? inventory_find_device(inventory, origin->parent) : NULL;

        if (!parent || !parent->present || !device_is_ours(parent) ||
                        !appears_with(absent, parent->address, parent->origin))
                return NULL;
        return parent;
}

/* Adds the devices that vanished with a member. */
static int add_vanished_members(const Inventory *inventory, Plan *plan) {
        size_t n, n_present = plan->n_members;
        PlanMember *member;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                const Device *device = devices[i];
                size_t parent = 0;

                if (device->present)
                        continue;
                while (parent < n_present &&
                                !appears_with(device, plan->members[parent].address, plan->members[parent].origin))
                        parent++;
                if (parent == n_present)
                        continue;
                int r = plan_add_member(plan, device, &member);
                if (r < 0)
                        return r;
                member->parent = (int)parent;
                member->virtual_function = device->origin->virtual_function;
        }
        return 0;
}

/* Plans to remove the state file of an absent device. */
static int plan_forget(const Device *device, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        PlanMember *member;

        int r = plan_refuse_busy_device(device, problem);
        if (r != 0 || (r = plan_new(PLAN_REATTACH, IOMMU_GROUP_NONE, 0, &plan)) < 0 ||
                        (r = plan_add_member(plan, device, &member)) < 0)
                return r;
        plan->forget = true;
        plan->selected = device->address;
        if ((r = plan_add_all_steps(plan)) < 0)
                return r;
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
                        (r = plan_new(PLAN_REATTACH, group->number, 0, &plan)) < 0 ||
                        (r = add_group_members(plan, group, options)) < 0)
                return r;
        if (plan->n_members == 0 || (named && !is_wanted(named, options)))
                return refuse_not_ours(named, group, problem);
        plan->force = options->force;
        plan->selected = selection->device ? selection->device->address : plan->members[0].address;
        plan_sort_members(plan, false);
        if ((r = add_vanished_members(inventory, plan)) < 0)
                return r;
        if ((r = plan_add_all_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int plan_release(const Device *device, bool appeared, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        PlanMember *member;
        int r;

        if ((r = plan_new(PLAN_REATTACH, device->group ? device->group->number : IOMMU_GROUP_NONE, 0, &plan)) < 0 ||
                        (r = plan_add_member(plan, device, &member)) < 0 || (r = plan_set_unknown_origin(member)) < 0)
                return r;
        member->appeared = appeared;
        plan->by_rule = true;
        plan->selected = device->address;
        if ((r = plan_add_all_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
