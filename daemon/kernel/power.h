/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Power settings of a PCI function that vfio-pci changes: it sets power/control to "auto" when it binds and to "on" when it unbinds (kernel source,
 * vfio_pci_core.c: pm_runtime_allow() and pm_runtime_forbid()). */

typedef struct PowerSettings {
        char control[8]; /* "on" or "auto"; "" if the kernel has no such attribute */
        bool d3cold_known;
        bool d3cold_allowed;
} PowerSettings;

bool power_settings_equal(const PowerSettings *a, const PowerSettings *b);

/* Reads the settings from the open sysfs directory of a device. Does not block while an unbind is stuck (measured on kernel 6.1). Missing attributes
 * are not an error. Returns 0 or a negative errno. */
int power_read(int device_fd, PowerSettings *ret);

/* Writes the settings that are known and differ from the current ones. This can block for ever in the kernel, so only workers call it. Returns 0 or the
 * negative errno of the kernel. */
int power_write(int device_fd, const PowerSettings *settings);
