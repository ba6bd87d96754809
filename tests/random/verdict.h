/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "call.h"

/* Checks the answer of the daemon. Call this when vfiod is idle. Updates the ledger with the result. */
void verdict_on_call(World *world, const Call *call);
