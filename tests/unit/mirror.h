/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

#include <glib.h>

/* The knowledge of a client that only gets change records. For a new object it learns everything, for a changed
 * object the facts that are marked as changed, and for a removed object that it was removed. */

typedef struct Mirror Mirror;

Mirror *mirror_new(void);
Mirror *mirror_free(Mirror *mirror);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mirror, mirror_free)

/* Takes the changes. Fails if an added object exists already, or if a removed or changed object does not exist.
 * Checks that a new device is marked as appeared, and clears the mark. */
void mirror_follow(Mirror *mirror, Inventory *inventory);

/* Checks that it equals the inventory. */
void mirror_check(Mirror *mirror, const Inventory *inventory);
