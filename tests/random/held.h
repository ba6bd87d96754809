/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What waits for a VM: the kernel does not come back before the VM lets go, and everything else goes on. Each returns whether there was a VM to wait
 * for; the VM is gone then. */

/* A Reattach by force. */
bool held_reattach(World *world);
/* A card is pulled. */
bool held_unplug(World *world);
