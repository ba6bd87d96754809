/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* The connection to vfiod: over the system bus; or, for root, directly over root's socket, which works also if the
 * system bus is overloaded. */

/* Where vfiod is. At most one of these; otherwise it is vfiod of this host, on the usual way: root's socket for root, and
 * the system bus for others. DBUS_SYSTEM_BUS_ADDRESS in the environment names another bus, and then root's socket is not
 * used. */
typedef struct Place {
        const char *address; /* a D-Bus address of vfiod's own socket */
        const char *host;    /* another host: [USER@]NAME[:PORT], through ssh */
        const char *machine; /* a container of this host, as machinectl(1) lists it */
} Place;

/* Connects to vfiod. Returns 0 or a negative errno. */
int connect_to_vfiod(const Place *place, sd_bus **ret);

/* Tells whether vfiod may be on another host, so that paths and processes of this host mean nothing to it. */
bool connection_is_remote(void);

/* Connects to the system bus. Returns 0 or a negative errno. */
int connect_to_system_bus(sd_bus **ret);

/* Tells whether there is no bus between this program and vfiod. */
bool connection_is_direct(sd_bus *bus);
