/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/context.h"
#include "engine/report.h"

/* Reverts a transaction whose first n steps were begun, and ends it. The cause is in problem already. Returns ROLLED_BACK,
 * CANCELLED, or the cause itself where a caller can do something about it, when all is as before; DEGRADED when it is not; or
 * -ENOMEM. */
int rollback_run(Transaction *transaction, Work *work, size_t n, Problem *problem);

/* Ends a transaction that an earlier worker left: a detach, and a change of VFs, is reverted; a reattach is finished, since the
 * host may use by now what it has got back. Returns 0; BUSY where another worker does it; DEGRADED; FAILED; or -ENOMEM. */
int recovery_run(Transaction *transaction, Work *work, Report *report, Problem *problem);
