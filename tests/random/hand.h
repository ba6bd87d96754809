/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What happens to the machine beside vfiod: other hands write into sysfs, cards come and go, virtual machines open and close their nodes. Each
 * says in the history what it did, marks what it may have changed, and returns whether there was anything to do. None waits for the
 * daemon. Cards of the world's busy group are left alone. */

/* One write, or the few that belong together, to a card chosen at random, or to this one. */
bool hand_write(World *world);
bool hand_write_to(World *world, const TruthDevice *device);

bool hand_unplug(World *world);
/* The card and all behind it. */
void hand_unplug_this(World *world, const TruthDevice *device);
bool hand_plug(World *world);
/* Another card in the slot, in one go. */
bool hand_swap(World *world);

/* A VM opens the node of a group, and where it can it takes the group; false where there is no node. */
bool hand_open_node(World *world);
bool hand_open_this_node(World *world, int group);
bool hand_close_node(World *world);

bool hand_change_modules(World *world);
bool hand_change_virtual_functions(World *world);
/* A file of a rule comes or goes; what the daemon knows of it is another matter. */
void hand_change_rules(World *world);
/* A disk is mounted, or something like it, or is not any more. */
bool hand_change_use(World *world);
