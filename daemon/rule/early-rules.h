/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <systemd/sd-event.h>

/* Manages the rules file for udev (see early-rule-text.h). vfio-pci is loaded before the file is written. Otherwise vfio-pci, when it is loaded later, would bind by
 * itself to all devices with its driver_override, and vfiod would take them for devices that another program detached. */

typedef struct EarlyRules EarlyRules;

/* Copies the path of the file. event and kernel are borrowed and must outlive the result. The caller frees it with early_rules_free(). Writes nothing. Returns 0
 * or -ENOMEM. */
int early_rules_new(sd_event *event, const Kernel *kernel, const char *file, EarlyRules **ret);

/* Removes the file if it was written, so that devices go to the host driver while vfiod does not run. Frees everything. Returns NULL. */
EarlyRules *early_rules_free(EarlyRules *early);
DEFINE_TRIVIAL_CLEANUP_FUNC(EarlyRules *, early_rules_free)

/* Replaces the file with the text, atomically, as soon as vfio-pci is loaded. Creates the directory if necessary. NULL removes the file. udevd notices the
 * change by itself. Takes ownership of the text, also on errors. If vfio-pci is not loaded, a child process loads it, and the file is written later; errors after
 * the return are logged. Returns 0 or a negative errno. */
int early_rules_set(EarlyRules *early, char *text);
