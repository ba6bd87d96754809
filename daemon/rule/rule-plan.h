/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/early-rules.h"
#include "rule/rule-case.h"

/* What the rule keeper decides over rules, devices and its own cases; it writes nothing and starts nothing. */

struct RuleKeeper {
        RuleKeeperParts parts;
        RuleBook *book;
        RuleCaseList cases;
        sd_event_source *timer; /* makes a turn when something is to be tried again */
        unsigned next_ticket;
        EarlyRules *early; /* NULL where udev is not told */
        char *udev_database;
};

/* The rule that matches the device, or NULL; ret_other, if not NULL, gets one that means another card there, or NULL. */
const Rule *rule_plan_find(const RuleKeeper *keeper, const Device *device, const Rule **ret_other);

/* The rule of a case; NULL where there is none, or not any more. */
const Rule *rule_plan_rule_of(const RuleKeeper *keeper, const RuleCase *one);

/* The rule that took another member of the group and agreed to this one as well, which may have come later; NULL for none. */
const Rule *rule_plan_find_of_group(const RuleKeeper *keeper, const Device *device);

/* Whether it is with vfiod, and not on its way back to the host. */
bool rule_plan_is_kept(const RuleKeeper *keeper, const Device *device);

/* The others of the group that went along with the device are its rule's from now on: when somebody gives one back, that is heeded. */
void rule_plan_note_companions(RuleKeeper *keeper, PciAddress address);

/* The plan that applies the rule of the case, or takes the device again. Returns as plan_detach() and vf_plan_new() do. */
int rule_plan_make(RuleKeeper *keeper, const RuleCase *one, Device *device, Plan **ret, Problem *problem);
