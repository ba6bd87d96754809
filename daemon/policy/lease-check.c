/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/lease-check.h"
#include "policy/plan.h"

static bool is_overridden(unsigned overrides, Guard guard) {
        return overrides & 1U << guard;
}

static int check_interrupts(const IommuReport *iommu, unsigned overrides, Problem *problem) {
        if (!iommu->unsafe_interrupts || is_overridden(overrides, GUARD_UNSAFE_INTERRUPTS))
                return 0;
        return problem_set(problem, OUTCOME_UNSAFE_INTERRUPTS,
                        "Interrupt remapping is off, and the parameter allow_unsafe_interrupts lets virtual machines "
                        "use "
                        "devices nevertheless. So the program that gets the lease could send any interrupt to the "
                        "host, and "
                        "crash it or take control of it. Turn interrupt remapping on; or override this with "
                        "--override=%s.",
                        guard_to_string(GUARD_UNSAFE_INTERRUPTS));
}

static int check_reset(const Device *device, unsigned overrides, Problem *problem) {
        if (!device->endpoint || !device->present || device->reset_methods || is_overridden(overrides, GUARD_NO_RESET))
                return 0;
        return problem_set(problem, OUTCOME_NO_RESET,
                        "The kernel has no method to reset %s. So data and settings that one user leaves in the device "
                        "reach the next user and the host. To lease it nevertheless, add --override=%s.",
                        PCI_ADDRESS_TEXT(device->address), guard_to_string(GUARD_NO_RESET));
}

int lease_check(const Selection *selection, const IommuReport *iommu, unsigned overrides, Problem *problem) {
        int r = plan_refuse_without_iommu(iommu, problem);

        if (r != 0)
                return r;
        if (!selection->group)
                return problem_set(problem, OUTCOME_NO_GROUP,
                                "%s has no IOMMU group, so no program can get a lease of it.",
                                PCI_ADDRESS_TEXT(selection->device->address));
        r = check_interrupts(iommu, overrides, problem);
        for (size_t i = 0; i < selection->group->n_members && r == 0; i++)
                r = check_reset(selection->group->members[i], overrides, problem);
        return r;
}
