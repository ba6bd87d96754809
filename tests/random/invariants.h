/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What must be true after every operation, when vfiod is idle. `before` is the state of the machine when the
 * operation began. */

/* The daemon itself wrote nothing, and its workers wrote only to permitted cards. Cards that nobody may change are
 * unchanged. The state files and the objects on the bus are as the model expects. */
void invariants_check(World *world, const Truth *before);

/* All objects, read again, are as the signals described them. The daemon has no additional open descriptor and no
 * child that it has not waited for. */
void invariants_audit(World *world);
