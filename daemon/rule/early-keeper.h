/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-plan.h"

/* The daemon's side of the early rules (early-rules.h). */

/* Asks the worker to write the file, or to remove a file that is not needed any more. A failure is logged. */
void early_keeper_write(RuleKeeper *keeper);
