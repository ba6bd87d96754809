/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

#include <glib.h>

/* Builds inventories directly, for tests of decisions about them. */

PciAddress address_of(const char *text);

/* An 8086:100e, bound to a driver (NULL for none), in a group (negative for none). */
PciFacts make_facts(const char *address, const char *driver, int group);
void put_device(Inventory *inventory, const char *address, const char *driver, int group);
void put_bridge(Inventory *inventory, const char *address, const char *driver, int group);
void put_virtual_function(
                Inventory *inventory, const char *address, const char *physical, const char *driver, int group);
/* A device behind a controller such as a VMD. */
void put_behind_controller(
                Inventory *inventory, const char *address, const char *controller, const char *driver, int group);
/* As if the device had disappeared when vfiod detached its parent; it was bound to this driver. */
void put_vanished(Inventory *inventory, const char *address, const char *parent, const char *driver);
void put_name(Inventory *inventory, const char *address, HostNameKind kind, const char *name);
/* As if vfiod had detached it from this driver; its current names are stored too. */
void put_origin(Inventory *inventory, const char *address, const char *driver, const char *override);
Inventory *make_inventory(void);
Device *get_device(Inventory *inventory, const char *address);
