/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/binding.h"
#include "kernel/pci-config.h"

/* What a diagnosis reads of a device, and what only a child process may read: a device may keep its reader waiting for ever. */

typedef struct DeviceFacts {
        bool has_override;           /* driver_override could be read */
        char override[OVERRIDE_MAX]; /* "" for none */
        int answers;                 /* as pci_device_answers() returns it */
        char power_state[POWER_STATE_MAX];
        bool has_firmware_mapping; /* of the group */
        bool denylist_is_disabled; /* of vfio-pci */
} DeviceFacts;

/* Tells whether the kernel takes the function for one of PCI Express: only these have attributes of a link. Does not read them. */
bool device_is_express(const Kernel *kernel, PciAddress address);

/* Reads the facts. Does not wake the device up. What cannot be read counts as missing. May block, so only child processes call it. */
void device_facts_read(const Kernel *kernel, PciAddress address, int group, DeviceFacts *ret);
