/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* The connection to vfiod: over the system bus; or, for root, directly over root's socket, which works also if the
 * system bus is overloaded. */

/* Connects to vfiod. address: a D-Bus address of vfiod's own socket; NULL for the usual way, which is root's socket for
 * root and otherwise the system bus. DBUS_SYSTEM_BUS_ADDRESS in the environment names another bus, and then root's
 * socket is not used. Returns 0 or a negative errno. */
int connect_to_vfiod(const char *address, sd_bus **ret);

/* Connects to the system bus. Returns 0 or a negative errno. */
int connect_to_system_bus(sd_bus **ret);

/* Tells whether there is no bus between this program and vfiod. */
bool connection_is_direct(sd_bus *bus);
