/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/function-plan.h"

/* More of one kind nobody reads, and hundreds of functions may be in use alike. */
#define FINDINGS_OF_A_GUARD 8

static size_t count_functions(const Inventory *inventory, const Device *physical) {
        size_t n, n_functions = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                n_functions += device_is_function_of(devices[i], physical);
        return n_functions;
}

static int refuse_busy(const Device *device, Problem *problem) {
        if (device->activity == DEVICE_WAITED_FOR)
                return problem_set(problem, OUTCOME_STUCK,
                                "%s is stuck in the kernel since an earlier job: that job must end first, by whatever "
                                "holds the device letting go of it.",
                                PCI_ADDRESS_TEXT(device->address));
        if (device->activity == DEVICE_WORKED_ON)
                return problem_set(problem, OUTCOME_BUSY, "Another job is at work on %s: try again when it is done.",
                                PCI_ADDRESS_TEXT(device->address));
        return 0;
}

/* What the named device cannot have. */
static int check_request(const Device *physical, unsigned count, Problem *problem) {
        if (!physical->present)
                return problem_set(problem, OUTCOME_NO_SUCH_DEVICE, "%s is detached, and gone from its slot.",
                                PCI_ADDRESS_TEXT(physical->address));
        if (physical->virtual_function)
                return problem_set(problem, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                                "%s has no virtual functions: it is one itself. Name its physical function, %s.",
                                PCI_ADDRESS_TEXT(physical->address), PCI_ADDRESS_TEXT(physical->physical_function));
        if (physical->virtual_functions_max == 0)
                return problem_set(problem, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                                "%s has no virtual functions: its hardware has no SR-IOV, or the firmware has switched "
                                "it off.",
                                PCI_ADDRESS_TEXT(physical->address));
        if (count > physical->virtual_functions_max)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "%s can have %u virtual functions at most, not %u.",
                                PCI_ADDRESS_TEXT(physical->address), physical->virtual_functions_max, count);
        return refuse_busy(physical, problem);
}

/* Its driver makes the virtual functions. */
static int check_driver(const Device *physical, Problem *problem) {
        switch (device_state(physical)) {
        case DEVICE_HOST:
                return 0;
        case DEVICE_DETACHED:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "%s is detached, and only its driver on the host makes virtual functions: give it back "
                                "first, with 'vfioctl reattach %s'.",
                                PCI_ADDRESS_TEXT(physical->address), PCI_ADDRESS_TEXT(physical->address));
        case DEVICE_FOREIGN:
                return problem_set(problem, OUTCOME_FOREIGN,
                                "%s is on %s, but vfiod did not put it there. Only its driver on the host makes "
                                "virtual functions: give it back with the tool that took it (virsh, driverctl).",
                                PCI_ADDRESS_TEXT(physical->address), TEXT_NAME(physical->driver));
        default:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "%s has no driver, and only its driver makes virtual functions: load the driver's "
                                "module first.",
                                PCI_ADDRESS_TEXT(physical->address));
        }
}

static bool is_as_wanted(const Device *function, FunctionFate fate) {
        switch (fate) {
        case FUNCTIONS_DETACHED:
                return device_state(function) == DEVICE_DETACHED;
        case FUNCTIONS_DRIVERLESS:
                return device_state(function) == DEVICE_DRIVERLESS;
        default:
                return true;
        }
}

int function_plan_add_finding(FindingList *list, Guard guard, PciAddress address, const char *evidence) {
        size_t n = 0;

        for (size_t i = 0; i < list->n_findings; i++)
                n += list->findings[i].guard == guard;
        return n < FINDINGS_OF_A_GUARD ? finding_list_add(list, guard, address, evidence) : 0;
}

/* Takes the functions along that there are: they are going to vanish. */
static int add_functions(Plan *plan, const Inventory *inventory, const Device *physical) {
        size_t n;
        int r = 0;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                char evidence[TEXT_ESCAPED_MAX(NAME_MAX) + 64];

                if (!device_is_function_of(devices[i], physical))
                        continue;
                if ((r = plan_add_member(plan, devices[i])) < 0 || !device_is_on_vfio(devices[i]))
                        continue;
                (void)snprintf(evidence, sizeof(evidence), "it would vanish, and is on %s%s",
                                TEXT_NAME(devices[i]->driver), device_is_ours(devices[i]) ? "" : ", not by vfiod");
                r = function_plan_add_finding(&plan->findings, GUARD_VIRTUAL_FUNCTIONS, devices[i]->address, evidence);
        }
        return r;
}

static int add_steps(Plan *plan) {
        bool detach = plan->functions.fate == FUNCTIONS_DETACHED && plan->functions.count > 0;
        int r = 0;

        if (detach)
                r = plan_add_step(plan, STEP_LOAD_DRIVER, 0);
        if (r >= 0)
                r = plan_add_step(plan, STEP_SET_AUTOPROBE, 0);
        if (r >= 0 && plan->n_members > 1)
                r = plan_add_step(plan, STEP_REMOVE_FUNCTIONS, 0);
        if (r >= 0 && plan->functions.count > 0)
                r = plan_add_step(plan, STEP_CREATE_FUNCTIONS, 0);
        for (unsigned i = 0; detach && i < plan->functions.count && r >= 0; i++)
                r = plan_add_step(plan, STEP_DETACH_FUNCTION, 0);
        return r < 0 ? r : plan_add_step(plan, STEP_RESTORE_AUTOPROBE, 0);
}

static int plan_begin(const Device *physical, size_t n_functions, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int group = physical->group ? physical->group->number : IOMMU_GROUP_NONE, r;

        if ((r = plan_new(PLAN_SET_FUNCTIONS, group, n_functions + 1, &plan)) < 0 ||
                        (r = plan_add_member(plan, physical)) < 0)
                return r;
        plan->selected = physical->address;
        *ret = TAKE_PTR(plan);
        return 0;
}

int function_plan_new(const Inventory *inventory, const Device *physical, unsigned count,
                const FunctionOptions *options, Plan **ret, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        size_t n, n_functions = count_functions(inventory, physical);
        bool as_wanted = true;
        int r;

        if ((r = check_request(physical, count, problem)) != 0)
                return r;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                if (!device_is_function_of(devices[i], physical))
                        continue;
                if ((r = refuse_busy(devices[i], problem)) != 0)
                        return r;
                as_wanted = as_wanted && is_as_wanted(devices[i], options->fate);
        }
        if (as_wanted && count == n_functions)
                return problem_set(problem, OUTCOME_ALREADY_DETACHED,
                                "%s has %u virtual functions already, and they are as asked for.",
                                PCI_ADDRESS_TEXT(physical->address), count);
        if ((r = check_driver(physical, problem)) != 0)
                return r;
        if (options->fate == FUNCTIONS_DETACHED && count > 0 && options->iommu->state != IOMMU_ON)
                return problem_set(problem, OUTCOME_NO_IOMMU, "No device can be given to a guest: the IOMMU is %s. %s",
                                iommu_state_to_string(options->iommu->state), options->iommu->reason);

        if ((r = plan_begin(physical, n_functions, &plan)) < 0 || (r = add_functions(plan, inventory, physical)) < 0)
                return r;
        plan->overrides = options->overrides;
        plan->functions = (FunctionTarget){.count = count, .fate = options->fate};
        if ((r = add_steps(plan)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int function_plan_restore(const Inventory *inventory, const Device *physical, bool made, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        if ((r = plan_begin(physical, count_functions(inventory, physical), &plan)) < 0 ||
                        (r = add_functions(plan, inventory, physical)) < 0)
                return r;
        plan->functions.recovery = true;
        if (!made &&
                        ((r = plan_add_step(plan, STEP_REMOVE_FUNCTIONS, 0)) < 0 ||
                                        (r = plan_add_step(plan, STEP_CREATE_FUNCTIONS, 0)) < 0))
                return r;
        if ((r = plan_add_step(plan, STEP_RESTORE_AUTOPROBE, 0)) < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int function_plan_decide(const Plan *plan, const FindingList *list, Problem *problem) {
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
                        plan->functions.count);
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
                        "Another number of virtual functions can only be made when all that there are have gone, and "
                        "they are in use: %s",
                        text);
}
