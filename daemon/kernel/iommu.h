/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* Whether the host has an IOMMU in use: without one no device can be given to a guest. */

typedef enum IommuState {
        IOMMU_ON,     /* the kernel has IOMMU groups */
        IOMMU_OFF,    /* the firmware reports an IOMMU, the kernel does not use it */
        IOMMU_ABSENT, /* the firmware reports none */
        _IOMMU_STATE_MAX,
} IommuState;

const char *iommu_state_to_string(IommuState state);

typedef struct IommuReport {
        IommuState state;
        char reason[256]; /* what makes it look so, and what to do about it */
} IommuReport;

/* Whether the firmware reserved memory for a device of the group (an RMRR, "direct" in reserved_regions): then the kernel does not
 * give it to a guest. "direct-relaxable" does no harm. Returns 1, 0, or a negative errno. */
int iommu_group_has_firmware_mapping(const Kernel *kernel, int group);

/* Looks at IOMMU groups, the firmware's tables and the kernel's command line. Never fails: what cannot be read counts as absent. */
void iommu_examine(const Kernel *kernel, IommuReport *ret);
