/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* A card is plugged into a slot, or created by sriov_numvfs. Where vfiod detaches it by itself, vfiod may need more
 * than one try. */
void arrival_plug(World *world, const Slot *slot, const char *card);
void arrival_create_vfs(World *world);
