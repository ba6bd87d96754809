/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/iommu.h"
#include "policy/guard.h"
#include "policy/selector.h"

/* Whether a user other than root may get a lease of a group. A detach only needs that the host does not use the devices. A
 * lease also needs that the lessee cannot harm the host through them. */

/* Checks the group of the selection. overrides is a mask of 1 << Guard. Returns 0; NO_IOMMU; NO_GROUP for a device in no
 * group; UNSAFE_INTERRUPTS if virtual machines may use devices although interrupts are not remapped; NO_RESET if the kernel
 * cannot reset an endpoint; or -ENOMEM. */
int lease_check(const Selection *selection, const IommuReport *iommu, unsigned overrides, Problem *problem);
