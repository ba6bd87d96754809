/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/scan.h"

/* Keeps the inventory up to date: follows the events of the kernel, and reads all devices and names again after a
 * loss of events. It works in small pieces with a time budget, so that the caller can process other events and calls
 * between two pieces. Events update the same inventory during a rescan, and the end of the rescan does not undo
 * these updates. */

typedef struct Follower Follower;

/* Creates a follower, which the caller frees with follower_free(). The arguments are borrowed and must outlive it;
 * the source listens already. Returns 0 or -ENOMEM. */
int follower_new(const Kernel *kernel, Inventory *inventory, UeventSource *source, Follower **ret);
Follower *follower_free(Follower *follower);
DEFINE_TRIVIAL_CLEANUP_FUNC(Follower *, follower_free)

/* Processes pending events until the budget is used up, but at least one event. Returns 1 if there are more, 0 if
 * there are none, or a negative errno if the source has failed. */
int follower_follow(Follower *follower, uint64_t budget_us);

/* Requests a rescan that begins after this call. If a rescan is running, one more follows; several requests share
 * it. Returns the number of the requested rescan, counted from 1. */
unsigned follower_ask_rescan(Follower *follower);

/* Returns the number of the last finished rescan; 0 for none. */
unsigned follower_rescans_done(const Follower *follower);

/* Tells whether a rescan is requested or running. */
bool follower_is_rescanning(const Follower *follower);

/* Begins or continues a rescan until the budget is used up. Reads at least one device or name. Returns 0 or a
 * negative errno, for example -ENOMEM, or that of a directory that cannot be listed. */
int follower_rescan(Follower *follower, uint64_t budget_us);

/* Does a whole rescan at once. Returns 0 or a negative errno as follower_rescan() does. */
int follower_read_all(const Kernel *kernel, Inventory *inventory);

/* How often events were lost. */
uint32_t follower_events_lost(const Follower *follower);

/* How many messages could not be parsed and were skipped. */
uint32_t follower_events_skipped(const Follower *follower);
