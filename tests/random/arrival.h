/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* A card comes to a slot: plugged in, or made by sriov_numvfs. Where vfiod takes it by itself, that may have to be tried more than once. */
void arrival_plug(World *world, const Slot *slot, const char *card);
void arrival_make_functions(World *world);
