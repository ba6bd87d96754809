/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"

#include <glib.h>

/* Inventories made by hand, for tests of what is decided over them. */

PciAddress address_of(const char *text);

/* An 8086:100e on a driver (NULL for none) in a group (negative for none). */
PciFacts make_facts(const char *address, const char *driver, int group);
void put_device(Inventory *inventory, const char *address, const char *driver, int group);
void put_bridge(Inventory *inventory, const char *address, const char *driver, int group);
void put_virtual_function(
                Inventory *inventory, const char *address, const char *physical, const char *driver, int group);
/* A device that a controller such as a VMD exposes. */
void put_behind_controller(
                Inventory *inventory, const char *address, const char *controller, const char *driver, int group);
/* As if the device had vanished when vfiod detached the other one; it had that driver. */
void put_vanished(Inventory *inventory, const char *address, const char *parent, const char *driver);
void put_name(Inventory *inventory, const char *address, HostNameKind kind, const char *name);
/* As if vfiod had taken it from that driver; the names that it has now go along. */
void put_origin(Inventory *inventory, const char *address, const char *driver, const char *override);
Inventory *make_inventory(void);
Device *get_device(Inventory *inventory, const char *address);
