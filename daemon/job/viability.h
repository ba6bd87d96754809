/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

/* Logs when a guest can no longer use a group with detached devices, and which device blocks the group: once, until
 * the group is viable again. Call it in each turn before the changes are taken from the inventory. */
void viability_check(Inventory *inventory);
