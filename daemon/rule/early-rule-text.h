/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"

/* Rules for udev, made of ours: they put the override on a device that is plugged in, before the module of its host driver is loaded, so that this driver never
 * binds (measured: the kernel announces the device, and udev loads the module only after its own rules have run). Where the driver is there already, the
 * kernel binds it before anybody can act; then the rules keep NetworkManager from the interface until vfiod has taken the device.
 *
 * They act on real announcements of the kernel only, never on those that "udevadm trigger" makes: what the host runs on is not touched. */

/* Whether such a rule is made of it: one that is certain without knowing where the device sits, and that takes the device itself. */
bool early_rule_fits(const Rule *rule);

/* Whether the early rule of any of our rules acts on the device. */
bool early_rule_text_covers(const RuleBook *book, const Device *device);

/* The text for udev, to be freed; NULL where no rule has one. Returns 0 or -ENOMEM. */
int early_rule_text_make(const RuleBook *book, char **ret);
