/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process.h"

/* A private dbus-daemon with the rules of a system bus. While it runs, DBUS_SYSTEM_BUS_ADDRESS names it. */

typedef struct PrivateBus PrivateBus;

/* shipped_policy: use dbus/org.vfiod1.conf, otherwise allow everything to everybody. */
PrivateBus *private_bus_start(bool shipped_policy);
/* Accepts NULL and returns NULL. */
PrivateBus *private_bus_stop(PrivateBus *bus);

/* The bus daemon reads and sends nothing until it goes on. */
void private_bus_pause(PrivateBus *bus);
void private_bus_resume(PrivateBus *bus);

/* A new connection. */
GDBusConnection *private_bus_connect(void);
