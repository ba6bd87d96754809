/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The state of the IOMMU. Without an IOMMU, a guest cannot use a device of the host. */

typedef enum IommuState {
        IOMMU_ON,     /* the kernel has IOMMU groups */
        IOMMU_OFF,    /* the firmware reports an IOMMU, but the kernel does not use it; or vfio is in no-IOMMU mode */
        IOMMU_ABSENT, /* the firmware reports no IOMMU */
        _IOMMU_STATE_MAX,
} IommuState;

/* Returns "on", "off" or "absent", a static string. */
const char *iommu_state_to_string(IommuState state);

typedef struct IommuReport {
        IommuState state;
        char reason[640];  /* a sentence: why this is the state, and what to do about it */
        char warning[640]; /* why QEMU fails although the IOMMU is on; "" for none */
        bool unsafe_interrupts; /* Interrupts are not remapped, and the administrator lets virtual machines use devices nevertheless. */
} IommuReport;

/* Tells whether the device at the path `devpath` of an event is an IOMMU that drives devices: the kernel adds it to its class
 * "iommu" (iommu_device_sysfs_add() in drivers/iommu/iommu-sysfs.c). A device that an IOMMU handles has a link of the same
 * name. Does not block. */
bool iommu_is_unit(const Kernel *kernel, const char *devpath);

/* Tells whether vfio made the group in its no-IOMMU mode (parameter enable_unsafe_noiommu_mode of the module vfio), for a
 * device on a vfio driver that no IOMMU handles. The node of such a group is /dev/vfio/noiommu-N. A virtual machine
 * cannot use the group. False if there is no such group. Does not block. */
bool iommu_group_has_no_iommu(const Kernel *kernel, int group);

/* Tells whether the firmware reserved memory for a device of the group: a region of type "direct" in
 * reserved_regions, such as an RMRR of VT-d. Then the kernel does not let a guest use the group. Regions of type
 * "direct-relaxable" are harmless (kernel documentation, ABI sysfs-kernel-iommu_groups). Returns 1 or 0; or a
 * negative errno, for example -ENOENT if there is no such group. */
int iommu_group_has_firmware_mapping(const Kernel *kernel, int group);

/* Determines the state from the IOMMU groups, the tables of the firmware, and the kernel command line (kernel/platform.h).
 * Warns if the IOMMU is on but interrupts are not remapped, unless the administrator has allowed that. Never fails: a
 * file that cannot be read counts as missing. Does not block. */
void iommu_examine(const Kernel *kernel, IommuReport *ret);
