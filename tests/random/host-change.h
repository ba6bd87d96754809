/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* Changes of the host that vfiod does not make: other programs write to sysfs, cards are plugged in and pulled, VMs
 * open and close their nodes. Each helper notes in the history what it did, marks what it may have changed, and
 * returns whether it could do anything. None waits for the daemon. None changes a card of the world's busy group. */

/* Makes a write, or a few writes that belong together, to a random card or to this card. */
bool host_write(World *world);
bool host_write_to(World *world, const TruthDevice *device);

bool host_unplug(World *world);
/* Unplugs the card and all devices below it. */
void host_unplug_this(World *world, const TruthDevice *device);
bool host_plug(World *world);
/* Replaces a card by another card, without a pause between. */
bool host_swap(World *world);

/* A VM opens the node of a group and uses the group if possible. Returns false if there is no node. */
bool host_open_node(World *world);
bool host_open_this_node(World *world, int group);
bool host_close_node(World *world);

bool host_change_modules(World *world);
bool host_change_vfs(World *world);
/* Adds or removes the file of a rule. The daemon may not know of it yet. */
void host_change_rules(World *world);
/* A disk becomes used or unused, for example by a mount. */
bool host_change_use(World *world);
