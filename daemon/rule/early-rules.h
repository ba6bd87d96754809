/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <systemd/sd-event.h>

/* The file that tells udev of our rules (see early-rule-text.h), and the driver that they name: it is loaded before the file is there. A driver that is loaded
 * later would take by itself what waits for it, and that would look like another's doing. */

typedef struct EarlyRules EarlyRules;

/* The file's name is copied; event and kernel outlive it. Returns 0 or -ENOMEM. */
int early_rules_new(sd_event *event, const Kernel *kernel, const char *file, EarlyRules **ret);

/* Removes the file, if it wrote one: what is plugged in while nobody is here goes to the host. */
EarlyRules *early_rules_free(EarlyRules *early);
DEFINE_TRIVIAL_CLEANUP_FUNC(EarlyRules *, early_rules_free)

/* Puts the text in the place of the file as soon as the driver is there, whole, and makes its folder if needed; NULL removes the file. udevd sees that by itself.
 * The text is taken over. Returns 0 or a negative errno; what fails later is logged. */
int early_rules_set(EarlyRules *early, char *text);
