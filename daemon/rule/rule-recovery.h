/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-plan.h"

/* If the book has the former rules, because a worker is changing several or was killed meanwhile, asks a worker to end that. The keeper
 * then reads the rules again, in rule_keeper_process(). */
void rule_recovery_start(RuleKeeper *keeper);
