/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include "rule/rule-plan.h"

/* The status of a rule case after a change of its device that no job of the case made. */

/* Logs why the device of the case is not detached. */
void rule_status_log_refusal(const RuleCase *rule_case, Outcome outcome, const char *message);

/* Makes the message of a refusal fit for a rule: instead of a command of vfioctl with "--override=GUARDS", it advises
 * "Override=GUARDS". The caller frees *ret, which is NULL if the message advises no such command. Returns 0 or -ENOMEM. */
int rule_status_advise(const char *message, char **ret);

/* Adds the fields of the log that tell which rule asks for a detach, and which guards it overrides (a mask of 1 << Guard). */
void rule_status_add_fields(const RuleCase *rule_case, unsigned overrides, LogFields *fields);

/* The rule names the place of the device, but another card is there. Makes a case that says so, and logs it. */
void rule_status_set_other_card(RuleKeeper *keeper, const Rule *rule, const Device *device);

/* The device is back with its parent. Whoever gave the parent to the host also gave this device, so its rule (NULL for none)
 * leaves it alone. If the parent itself was plugged in, the case of the parent decides, and this does nothing. */
void rule_status_release_with_parent(RuleKeeper *keeper, const Rule *rule, const Device *device);

/* If one of these rules (names, a list that ends with NULL) matches the device, and is not applied to it, makes a case that waits for
 * the next hot-plug, as if somebody had reattached the device. Returns whether it did. */
bool rule_status_defer(RuleKeeper *keeper, const char *const *names, const Device *device);

/* Updates the status after a change of the device. If somebody reattached a device that a rule had detached, or removed the
 * VFs that a rule had created, the keeper does not do it again. If the VFs were lost with the driver of their PF, the case waits
 * until a driver is bound. */
void rule_status_update(const RuleKeeper *keeper, RuleCase *rule_case, const Device *device);
