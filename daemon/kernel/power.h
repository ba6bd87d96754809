/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* The power settings of a PCI function that do not survive a trip to vfio-pci: it sets power/control to "auto" when it binds and to "on" when it leaves
 * (vfio_pci_core.c: pm_runtime_allow, pm_runtime_forbid). */

typedef struct PowerSettings {
        char control[8]; /* "on", "auto"; "" where the kernel has no such attribute */
        bool d3cold_known;
        bool d3cold_allowed;
} PowerSettings;

bool power_settings_equal(const PowerSettings *a, const PowerSettings *b);

/* Below the device's folder. Reading never waits for the device's lock (measured). Returns 0, also where there are none; or a negative errno. */
int power_read(int device_fd, PowerSettings *ret);

/* Writes those that are known and differ. May not come back: for workers only. Returns 0 or the kernel's negative errno. */
int power_write(int device_fd, const PowerSettings *settings);
