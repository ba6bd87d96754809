/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/report.h"
#include "engine/work.h"

/* Applies a plan: all of it, or nothing. Or only surveys, if the plan says so. Or ends an earlier transaction, if the
 * plan is a recovery. For worker processes, since each write, and each read of driver_override, may block in the kernel
 * for ever.
 *
 * Fills the report, after a failure as far as it came. Returns 0. Before anything was written: IDENTITY_CHANGED,
 * NO_SUCH_DEVICE, HELD, FOREIGN, PLAN_STALE, DRIVER_UNAVAILABLE, LIMITS_EXCEEDED, FAILED, CANCELLED, the outcome of a
 * guard, or -ENOMEM. After that: ROLLED_BACK or CANCELLED if everything is as before, or DEGRADED with what differs in
 * the message. */
int transaction_run(const Transaction *transaction, Report *report, Problem *problem);
