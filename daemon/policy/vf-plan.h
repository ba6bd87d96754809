/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* What SetVirtualFunctions is going to do, decided over the model alone. */

typedef struct VfOptions {
        VfFate fate;              /* of the new VFs */
        unsigned overrides;       /* mask of 1 << Guard, for the VFs that exist */
        const IommuReport *iommu; /* for VFS_DETACHED */
} VfOptions;

/* Plans to create so many VFs of the PF, in place of those that exist: the kernel changes the number only through zero. Returns
 * 0 and the plan; ALREADY_DETACHED where nothing is to be done, since there are as many, and each is as asked for;
 * NO_VIRTUAL_FUNCTIONS, LIMITS_EXCEEDED, NO_SUCH_DEVICE, DRIVER_UNAVAILABLE, FOREIGN, NO_IOMMU, BUSY, STUCK; or -ENOMEM. The
 * worker finds out whether the host uses the VFs that would be removed. */
int vf_plan_new(const Inventory *inventory, const Device *pf, unsigned count, const VfOptions *options, Plan **ret,
                Problem *problem);

/* Decides over what was found. Returns 0; VIRTUAL_FUNCTIONS_IN_USE with all that was found, and what would override it; or
 * -ENOMEM. */
int vf_plan_decide(const Plan *plan, const FindingList *list, Problem *problem);
