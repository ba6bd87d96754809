/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

#include <glib.h>

/* All that an inventory says, a line an object: two that say the same give the same text. The caller frees it. */
char *inventory_to_text(const Inventory *inventory);

/* What changed since the last time, a line a change, "" for nothing; CHANGE_NONE is left out. */
char *inventory_take_changes_text(Inventory *inventory);
