/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

/* To be called at the end of each turn, before what changed is taken from the inventory: says in the log of a group with detached devices that it cannot be given
 * to a guest any more, and which device is to blame. Each time once. */
void viability_look(Inventory *inventory);
