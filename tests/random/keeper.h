/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* A model of what vfiod does by itself. It detaches by rule at its start, when it reads the rules again, and when a
 * card is plugged in. It detaches a card again that was detached before it was pulled. The results are added as
 * expectations, see expectation.h. */

/* A card was plugged into this slot while the daemon was paused. The daemon knows nothing of it yet. */
void keeper_expect_arrival(World *world, const char *address);

/* The daemon reads the rules again. */
void keeper_reload(World *world);

/* Calls Rescan when no rule is valid. */
void keeper_await_rescan(World *world);

/* Starts a daemon. A job for this group (or NO_GROUP) may still be running. */
void keeper_start_daemon(World *world, int but_group);

/* Whether a valid rule can match a card of the group. */
bool keeper_concerns(const World *world, int group);

/* Whether a failed job left a device of the group in a mixed state. */
bool keeper_has_degraded(const World *world, int group);

/* Call this when vfiod is idle. Updates what vfiod must have noticed by now, and checks the rule states that it
 * reports. */
void keeper_review(World *world);
