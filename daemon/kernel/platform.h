/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The platform: what decides which IOMMU a machine can have, and how it is enabled. */

/* The table of the firmware that describes the IOMMU. */
typedef enum FirmwareTable {
        FIRMWARE_NO_TABLE,
        FIRMWARE_DMAR, /* Intel VT-d */
        FIRMWARE_IVRS, /* AMD-Vi */
        FIRMWARE_IORT, /* the SMMU of Arm */
        FIRMWARE_VIOT, /* virtio-iommu */
} FirmwareTable;

typedef enum CpuMaker {
        CPU_UNKNOWN, /* /proc/cpuinfo cannot be read */
        CPU_INTEL,
        CPU_AMD,
        CPU_OTHER_X86, /* has VT-d or AMD-Vi */
        CPU_ARM,
        CPU_OTHER,
} CpuMaker;

typedef struct Platform {
        FirmwareTable table;
        CpuMaker cpu;
        bool is_guest;              /* a hypervisor runs this machine */
        bool tells_virtualization;  /* an x86 CPU, whose flags could be read */
        bool has_virtualization;    /* VT-x or AMD-V */
        bool is_dom0;               /* Linux is the control domain of Xen */
        bool on_switch_given;       /* the running kernel has intel_iommu=on */
        bool amd_on_given;          /* the running kernel has amd_iommu=on, which is no valid value */
        char off_switch[32];        /* the parameter that turns this IOMMU off, for example "iommu=off"; "" for none */
        const char *on_switch_file; /* a file of the boot loader that has intel_iommu=on; NULL for none */
} Platform;

/* Reads the platform. Never fails: what cannot be read counts as missing. Does not block. */
void platform_examine(const Kernel *kernel, Platform *ret);

/* Returns the name of the IOMMU with its table, for example "VT-d (table DMAR)", a static string. */
const char *platform_table_text(FirmwareTable table);

/* Returns the word to search for in the kernel's log, for example "AMD-Vi", a static string. */
const char *platform_log_word(const Platform *platform);
