/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/early-rules.h"
#include "rule/rule-keeper.h"

/* Decisions of the rule keeper: which rule applies to a device, and the plan for it. These functions write nothing to
 * the host and start no jobs. */

struct RuleKeeper {
        RuleKeeperParts parts;
        RuleBook *book;
        RuleCaseList cases;
        sd_event_source *timer; /* wakes the event loop when a case must be tried again */
        uint64_t wake_us;       /* when the timer elapses; 0 if it is off */
        bool has_early_rules;   /* the rules file for udev was written, or may have been */
        char *early_rules, *udev_database;
};

/* Returns the rule that matches the device, or NULL. If ret_other is not NULL, *ret_other becomes a rule that names the
 * device's place, but another card; or NULL. The pointers are valid until the next reload. */
const Rule *rule_plan_find(const RuleKeeper *keeper, const Device *device, const Rule **ret_other);

/* Returns the rule of a case; NULL if the case has none, or if the rule no longer exists or is off. */
const Rule *rule_plan_rule_of(const RuleKeeper *keeper, const RuleCase *rule_case);

/* Returns the rule that was applied to another member of the device's group and also agrees to detach this device,
 * which may have been plugged in later. Returns NULL if there is none. */
const Rule *rule_plan_find_in_group(const RuleKeeper *keeper, const Device *device);

/* Tells whether the record says that vfiod has detached this device, and no job is reattaching it. The device need not
 * be on vfio-pci now. */
bool rule_plan_is_detached(const RuleKeeper *keeper, const Device *device);

/* Adds a case for each companion: a member of the group that was detached together with the device. So the keeper
 * notices when somebody reattaches a companion. */
void rule_plan_note_companions(RuleKeeper *keeper, PciAddress address);

/* Makes the plan that applies the rule of the case; or, for a case without a rule, detaches the device again. The
 * caller frees *ret. Returns as plan_detach() and vf_plan_new() do. */
int rule_plan_make(const RuleKeeper *keeper, const RuleCase *rule_case, Device *device, Plan **ret, Problem *problem);
