/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* The plan of SetVirtualFunctions, made from the model alone. */

typedef struct VfOptions {
        VfFate fate;              /* of the new VFs */
        unsigned overrides;       /* mask of 1 << Guard, for the VFs that exist */
        const IommuReport *iommu; /* for VFS_DETACHED */
        const char *driver;       /* for VFS_DETACHED: a vfio driver; NULL: the worker chooses it */
} VfOptions;

/* Plans to create count VFs of the PF, in place of the existing VFs: the kernel changes the number only through zero.
 * The worker finds out whether the host uses the existing VFs. Returns 0 and the plan; ALREADY_DETACHED if there are as
 * many VFs, and all are as wanted; NO_VIRTUAL_FUNCTIONS, LIMITS_EXCEEDED, NO_SUCH_DEVICE, DRIVER_UNAVAILABLE, FOREIGN,
 * NO_IOMMU, BUSY, STUCK; or -ENOMEM. */
int vf_plan_new(const Inventory *inventory, const Device *pf, unsigned count, const VfOptions *options, Plan **ret,
                Problem *problem);

/* Decides whether the existing VFs may be removed. Returns 0; VIRTUAL_FUNCTIONS_IN_USE with all findings, and the
 * command that overrides them; or -ENOMEM. */
int vf_plan_decide(const Plan *plan, const FindingList *list, Problem *problem);
