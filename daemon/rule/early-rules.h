/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"
#include <systemd/sd-event.h>

/* A rules file for udev ("early rules"), generated from the rules of vfiod. When a device is plugged in, an early rule
 * sets its driver_override to vfio-pci before udev loads the module of the host driver. So this driver never binds.
 * (Measured: the kernel sends the event, and udev loads modules after it has evaluated its rules.) A host driver that
 * is already loaded binds before the event is sent. Then the early rules make NetworkManager ignore the interface until
 * vfiod has detached the device.
 *
 * Early rules act only on events of the kernel, never on those of "udevadm trigger", so they do not affect devices that
 * the host already uses.
 *
 * vfio-pci is loaded before the file is written. Otherwise, when it is loaded later, it would bind by itself to all
 * devices with its driver_override, and vfiod would take them for devices that another program detached. */

typedef struct EarlyRules EarlyRules;

/* Copies the path of the file. event and kernel are borrowed and must outlive the result. The caller frees it with
 * early_rules_free(). Writes nothing. Returns 0 or -ENOMEM. */
int early_rules_new(sd_event *event, const Kernel *kernel, const char *file, EarlyRules **ret);

/* Removes the file if it was written, so that devices go to the host driver while vfiod does not run. Frees everything.
 * Returns NULL. */
EarlyRules *early_rules_free(EarlyRules *early);
DEFINE_TRIVIAL_CLEANUP_FUNC(EarlyRules *, early_rules_free)

/* Replaces the file atomically, as soon as vfio-pci is loaded, which a child process does if necessary. Creates the
 * directory. Without early rules in the book, removes the file. udevd notices the change by itself. Logs errors. */
void early_rules_update(EarlyRules *early, const RuleBook *book);

/* Tells whether an early rule acts on the device. */
bool early_rules_cover(const RuleBook *book, const Device *device);
