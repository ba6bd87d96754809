/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan.h"
#include "policy/reset-scope.h"

static int refuse_not_ours(const Device *device, Problem *problem) {
        const char *address = PCI_ADDRESS_TEXT(device->address);

        if (!device->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE,
                                "%s is not there now: it disappeared after vfiod detached it, or together with "
                                "another device that vfiod detached. To see more: 'vfioctl show %s'.",
                                address, address);
        if (device_is_on_vfio(device) && device->origin)
                return problem_set(problem, OUTCOME_IDENTITY_CHANGED,
                                "vfiod detached the card %04x:%04x at %s, but another card is there now "
                                "(%04x:%04x). vfiod does not touch it.",
                                device->origin->ids.vendor, device->origin->ids.device, address, device->ids.vendor,
                                device->ids.device);
        if (device_is_on_vfio(device))
                return problem_set(problem, OUTCOME_FOREIGN,
                                "Another program bound %s to %s. vfiod does not touch it. Reset it with the tool that "
                                "bound it (virsh nodedev-reset).",
                                address, device->driver);
        return problem_set(problem, OUTCOME_NOT_DETACHED,
                        "%s is not detached: it %s%s. vfiod resets only devices that it has detached from the host. "
                        "Detach it first: 'vfioctl detach %s'.",
                        address, device->driver ? "is on the host's driver " : "has no driver",
                        strempty(device->driver), address);
}

/* A reset of a PF would remove its VFs from those who use them. */
static int refuse_with_vfs(const Inventory *inventory, const Device *device, Problem *problem) {
        size_t n, n_vfs = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                n_vfs += device_is_vf_of(devices[i], device);
        return n_vfs == 0 ? 0
                          : problem_set(problem, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                                            "%s has %zu virtual function%s. A reset would also reset %s. Remove %s "
                                            "first.",
                                            PCI_ADDRESS_TEXT(device->address), n_vfs, n_vfs == 1 ? "" : "s",
                                            n_vfs == 1 ? "it" : "them", n_vfs == 1 ? "it" : "them");
}

/* The kernel itself resets the bus of a device only if no other function is on it. */
static int refuse_without_method(const Inventory *inventory, const Device *device, Problem *problem) {
        _cleanup_free_ char *others = NULL;
        const char *address = PCI_ADDRESS_TEXT(device->address);

        if (reset_scope_has_own(device))
                return 0;
        int r = reset_scope_list_all(inventory, device, &others);
        if (r < 0)
                return r;
        if (!isempty(others))
                return problem_set(problem, OUTCOME_NO_RESET,
                                "%s has no reset of its own. A reset of its bus would also reset %s, so vfiod does not "
                                "do that. The kernel resets the bus when a virtual machine that has all of these "
                                "devices starts.",
                                address, others);
        return device->reset_methods ? 0
                                     : problem_set(problem, OUTCOME_NO_RESET,
                                                       "The kernel has no method to reset %s. Shut the machine down "
                                                       "completely and start it again: that resets the device.",
                                                       address);
}

int plan_reset(const Inventory *inventory, const Device *device, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        PlanMember *member;
        int r;

        if ((r = plan_refuse_busy_device(device, problem)) != 0 ||
                        (device->group && (r = plan_refuse_busy_group(device->group, problem)) != 0))
                return r;
        if (!device_is_ours(device) || !device_is_on_vfio(device))
                return refuse_not_ours(device, problem);
        if ((r = refuse_with_vfs(inventory, device, problem)) != 0 ||
                        (r = refuse_without_method(inventory, device, problem)) != 0 ||
                        (r = plan_new(PLAN_RESET, device->group ? device->group->number : IOMMU_GROUP_NONE, 0, &plan)) <
                                        0 ||
                        (r = plan_add_member(plan, device, &member)) < 0)
                return r;
        plan->selected = device->address;
        if ((r = plan_add_all_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
