/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What vfiod is to do by itself, in the model's words: it detaches by rule at its start, when rules are read anew and when a card comes, and what it had detached when that
 * comes back. What follows is expected as of taking.h. */

/* A card came to this slot while the daemon was paused, and has heard of nothing yet. */
void keeper_expect_arrival(World *world, const char *address);

/* The daemon reads all anew. */
void keeper_reload(World *world);

/* The same where no rule is in force. */
void keeper_await_rescan(World *world);

/* Starts a daemon; what was at work on this group (or NO_GROUP) may still be. */
void keeper_start_daemon(World *world, int but_group);

/* Whether a rule in force can have anything to do with the group. */
bool keeper_concerns(const World *world, int group);

/* Whether a failed job left something of the group in between. */
bool keeper_has_degraded(const World *world, int group);

/* All is at rest: what was given back is known now, and what the daemon says of its rules is so. */
void keeper_review(World *world);
