/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What must hold whenever all has come to rest after an operation; `before` is how things were when it began. */

/* The daemon wrote only where it was permitted, from workers only; what nobody was to touch is as it was; the records say what vfiod owes, and the
 * daemon serves what there is. */
void rest_check(World *world, const Truth *before);

/* All objects read anew are those that were followed; the daemon has nothing open that it had not open before, and no child that it has not
 * buried. */
void rest_audit(World *world);
