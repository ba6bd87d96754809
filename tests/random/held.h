/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* Operations that wait for a VM: the kernel returns only when the VM releases the group, and everything else must
 * continue. Each returns false if no VM runs; otherwise the VM has ended afterwards. */

/* A forced Reattach. */
bool held_reattach(World *world);
/* A card is pulled. */
bool held_unplug(World *world);
