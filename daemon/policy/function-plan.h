/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* What SetVirtualFunctions is going to do, decided over the model alone. */

typedef struct FunctionOptions {
        FunctionFate fate;        /* of the new functions */
        unsigned overrides;       /* mask of 1 << Guard, for those that there are */
        const IommuReport *iommu; /* for FUNCTIONS_DETACHED */
} FunctionOptions;

/* Plans to make so many virtual functions of the physical one, in place of those that it has. Returns 0 and the plan; ALREADY_DETACHED where nothing is to be
 * done: it has so many, and each is on vfio-pci by vfiod, or without a driver, where that was asked for; NO_VIRTUAL_FUNCTIONS, LIMITS_EXCEEDED,
 * NO_SUCH_DEVICE, DRIVER_UNAVAILABLE, FOREIGN, NO_IOMMU, BUSY, STUCK; or -ENOMEM. Whether the functions that would go are in use is found out by the worker. */
int function_plan_new(const Inventory *inventory, const Device *physical, unsigned count,
                const FunctionOptions *options, Plan **ret, Problem *problem);

/* Plans to end what was cut off: to undo it; or, where all was made, only to give the host its setting back. What there was before stands in the
 * record. Returns 0 or -ENOMEM. */
int function_plan_restore(const Inventory *inventory, const Device *physical, bool made, Plan **ret);

/* Adds a finding of a virtual function that would go. Of a guard that has spoken often enough there are no more. Returns 0 or -ENOMEM. */
int function_plan_add_finding(FindingList *list, Guard guard, PciAddress address, const char *evidence);

/* Decides over what was found. Returns 0; VIRTUAL_FUNCTIONS_IN_USE with all that was found, and what would override it; or -ENOMEM. */
int function_plan_decide(const Plan *plan, const FindingList *list, Problem *problem);
