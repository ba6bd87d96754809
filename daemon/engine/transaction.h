/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/context.h"
#include "engine/report.h"

/* A plan carried out: all of it, or nothing. Runs in a worker process, since each write, and each read of driver_override, may
 * wait in the kernel for ever. */

/* Carries the plan out, or only surveys where that is all that it asks for; ends an earlier transaction where the plan is a
 * recovery. Fills the report, also after a failure as far as it got. Returns 0; or, before anything was written,
 * IDENTITY_CHANGED, NO_SUCH_DEVICE, HELD, FOREIGN, PLAN_STALE, DRIVER_UNAVAILABLE, FAILED, CANCELLED, or the outcome of a
 * guard; or ROLLED_BACK or CANCELLED when all is as before; or DEGRADED when it is not, and the message says what differs; or
 * -ENOMEM before anything was written. */
int transaction_run(Transaction *transaction, Report *report, Problem *problem);
