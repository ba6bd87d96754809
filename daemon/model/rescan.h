/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/scan.h"

/* Reads all devices and names again, in small steps. One step reads about one device, so the caller can process events and calls between two steps.
 * Events update the same inventory during a rescan. The end of the rescan does not undo these updates. */

typedef struct Rescan Rescan;

/* Creates a rescan object, which the caller frees with rescan_free(). kernel and inventory are borrowed and must outlive it. Returns 0 or -ENOMEM. */
int rescan_new(const Kernel *kernel, Inventory *inventory, Rescan **ret);
Rescan *rescan_free(Rescan *rescan);
DEFINE_TRIVIAL_CLEANUP_FUNC(Rescan *, rescan_free)

/* Requests a rescan that begins after this call. If a rescan is running, one more follows; several requests share it. Returns the number of
 * the requested rescan, counted from 1. */
unsigned rescan_ask(Rescan *rescan);

/* Returns the number of the last finished rescan; 0 for none. */
unsigned rescan_done(const Rescan *rescan);

/* Tells whether a rescan is requested or running. */
bool rescan_is_due(const Rescan *rescan);

/* Does the next step. Returns 1 if it finished a rescan, otherwise 0; or a negative errno, for example -ENOMEM, or that of a directory that cannot
 * be listed. */
int rescan_step(Rescan *rescan);

/* Does a whole rescan at once. Returns 0 or a negative errno as rescan_step() does. */
int rescan_all(const Kernel *kernel, Inventory *inventory);
