/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The property MatchedRule of the devices. */

/* Returns the name of the rule that matches the device, which the rule keeper owns. NULL for none. */
const char *matched_rule_find(const Service *service, PciAddress address);

/* Signals the devices whose rule has changed since the last call. Call it when the rules have changed. Returns 0, -ENOMEM,
 * or a negative errno of sd-bus. */
int matched_rules_tell(Service *service);

/* Frees what matched_rules_tell() remembers. */
void matched_rules_done(Service *service);
