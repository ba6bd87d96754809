/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* Reverts a transaction whose first n steps were begun, and ends it. problem has the cause already. Returns ROLLED_BACK
 * or CANCELLED if everything is as before, or the cause itself if a caller can do something about it; DEGRADED if not
 * everything is as before; or -ENOMEM. */
int rollback_run(Work *work, size_t n, Problem *problem);

/* Ends a transaction that an earlier worker left. Reverts a detach and a change of VFs. Finishes a reattach, because
 * the host may use by now what it got. Returns 0; BUSY if another worker does it; DEGRADED; FAILED; or -ENOMEM. */
int recovery_run(Work *work, Problem *problem);
