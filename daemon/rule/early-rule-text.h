/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"

/* Rules for udev ("early rules"), generated from the rules of vfiod. When a device is plugged in, an early rule sets its driver_override to vfio-pci before udev loads
 * the module of the host driver. So this driver never binds. (Measured: the kernel sends the event, and udev loads modules after it has evaluated its
 * rules.) A host driver that is already loaded binds before the event is sent. Then the early rules make NetworkManager ignore the interface until vfiod
 * has detached the device.
 *
 * Early rules act only on events of the kernel, never on those of "udevadm trigger", so they do not affect devices that the host already uses. */

/* Tells whether an early rule can be generated from this rule: it must not depend on the port path, and must detach the device itself, not its VFs. */
bool early_rule_fits(const Rule *rule);

/* Tells whether an early rule acts on the device. */
bool early_rule_text_covers(const RuleBook *book, const Device *device);

/* Generates the rules file for udev. The caller frees *ret, which is NULL if there are no early rules. Returns 0 or -ENOMEM. */
int early_rule_text_make(const RuleBook *book, char **ret);
