/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/scan.h"

/* Everything is read anew, in pieces that are each as short as a look at one device: between two of them the caller can do other
 * things, and follow events. What an event tells meanwhile goes into the same inventory, and the end takes back nothing of it. */

typedef struct Rescan Rescan;

/* What it borrows outlives it. Returns 0 or -ENOMEM. */
int rescan_new(const Kernel *kernel, Inventory *inventory, Rescan **ret);
Rescan *rescan_free(Rescan *rescan);
DEFINE_TRIVIAL_CLEANUP_FUNC(Rescan *, rescan_free)

/* Asks for a rescan that begins after now. While one is under way, another follows it; never more than one. Returns its number:
 * they count from 1. */
unsigned rescan_ask(Rescan *rescan);

/* The number of the last one that is done; 0 for none. */
unsigned rescan_done(const Rescan *rescan);

/* Whether something is to do. */
bool rescan_is_due(const Rescan *rescan);

/* Does the next piece. Returns 1 when that was the last of a rescan, else 0, or a negative errno. */
int rescan_step(Rescan *rescan);

/* All at once. Returns 0 or a negative errno. */
int rescan_all(const Kernel *kernel, Inventory *inventory);
