/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

#include <glib.h>

/* The contents of an inventory, one line for each object: equal inventories give equal texts. The caller frees it. */
char *inventory_to_text(const Inventory *inventory);

/* The changes since the last call, one line each, "" for none; CHANGE_NONE is omitted. */
char *inventory_take_changes_text(Inventory *inventory);
