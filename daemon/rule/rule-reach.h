/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-case.h"
#include "rule/rule-change.h"

/* Marks the devices that the changes concern: those that the rules match now, or would match with the new texts. marks has an element for
 * each device of the inventory, in its order. Reads the path of a device at most once, and only if a rule with Path= matches the device
 * otherwise: so the main loop may call this. Returns 0; -EINVAL for a text that is not valid; or -ENOMEM. */
int rule_reach_mark(const RuleChangeList *changes, const RuleCaseList *cases, const Kernel *kernel,
                const Inventory *inventory, bool *marks);
