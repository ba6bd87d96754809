/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "call.h"

/* Whether what the daemon answered is true. To be asked when all has come to rest; writes what follows from it into the ledger. */
void verdict_on_call(World *world, const Call *call);
