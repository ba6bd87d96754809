/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* All calls on the bus, answered with plain structs. Nothing here prints. Every function returns 0 or a negative errno
 * and fills the sd_bus_error where the bus or the daemon said why. */

/* Connects to the system bus, or to the one that DBUS_SYSTEM_BUS_ADDRESS names. */
int proxy_open(sd_bus **ret_bus);

/* All groups, in the order of their numbers, as rows. */
int proxy_list_groups(sd_bus *bus, GroupList *ret_groups, sd_bus_error *error);

/* All devices, in the order of their addresses, as rows. */
int proxy_list_devices(sd_bus *bus, DeviceList *ret_devices, sd_bus_error *error);

/* The group that the selector names, or that the device it names is in. */
int proxy_get_group(sd_bus *bus, const char *selector, Group *ret_group, sd_bus_error *error);

/* The group with this object path. */
int proxy_get_group_at(sd_bus *bus, const char *path, Group *ret_group, sd_bus_error *error);

/* All members of a group from proxy_get_group() or proxy_get_group_at(), with all that is known of them. */
int proxy_get_members(sd_bus *bus, const Group *group, DeviceList *ret_devices, sd_bus_error *error);

/* The device that the selector names, with all that is known of it. */
int proxy_get_device(sd_bus *bus, const char *selector, Device *ret_device, sd_bus_error *error);

/* Detaches the group of the selected device; companions are selectors, or "*", and may be NULL. Returns when the work
 * is done. */
int proxy_detach(sd_bus *bus, const char *selector, char *const *companions, EntryList *ret_changes,
                sd_bus_error *error);

/* Gives the group of the selected device back to the host. Returns when the work is done. */
int proxy_reattach(sd_bus *bus, const char *selector, EntryList *ret_changes, sd_bus_error *error);

/* The properties of the manager. */
int proxy_get_status(sd_bus *bus, Status *ret_status, sd_bus_error *error);
