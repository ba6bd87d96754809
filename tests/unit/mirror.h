/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

#include <glib.h>

/* What somebody knows who hears only of changes: of an object that comes he learns everything, of one that changes what is said to have
 * changed, of one that goes that it is gone. */

typedef struct Mirror Mirror;

Mirror *mirror_new(void);
Mirror *mirror_free(Mirror *mirror);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mirror, mirror_free)

/* Takes the changes. Nothing comes that is there, and nothing goes or changes that is not; a device that comes is marked as appeared, which is
 * cleared. */
void mirror_follow(Mirror *mirror, Inventory *inventory);

/* It knows what the inventory says. */
void mirror_check(Mirror *mirror, const Inventory *inventory);
