/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/rescan.h"

/* Keeps the inventory true: follows the kernel's events, and has everything read anew where some were lost. All of it is done in
 * turns that end when their time is over, so that whoever else waits for the daemon is served between them. */

typedef struct Follower Follower;

/* What it borrows outlives it; the source listens already. Reads nothing yet. Returns 0 or -ENOMEM. */
int follower_new(const Kernel *kernel, Inventory *inventory, UeventSource *source, Follower **ret);
Follower *follower_free(Follower *follower);
DEFINE_TRIVIAL_CLEANUP_FUNC(Follower *, follower_free)

/* Follows events that are there, for so long, and at least one. Returns 1 when there are more, 0 when there are none, or a negative errno when the
 * source has failed. */
int follower_follow(Follower *follower, uint64_t budget_us);

/* Asks for a rescan that begins after now. Returns its number, see rescan_ask(). */
unsigned follower_ask_rescan(Follower *follower);

/* The number of the last rescan that is done; 0 for none. */
unsigned follower_rescans_done(const Follower *follower);

/* Whether a rescan is due or under way. */
bool follower_is_rescanning(const Follower *follower);

/* Goes on with a rescan for so long, and at least a piece. Returns 0 or a negative errno. */
int follower_rescan(Follower *follower, uint64_t budget_us);

/* How often events were lost. */
uint32_t follower_events_lost(const Follower *follower);

/* How many messages could not be parsed and were skipped. */
uint32_t follower_events_skipped(const Follower *follower);
