/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process.h"

/* A dbus-daemon of our own with a system bus's rules. While it runs, DBUS_SYSTEM_BUS_ADDRESS leads to it. */

typedef struct PrivateBus PrivateBus;

/* shipped_policy: with dbus/org.vfiod1.conf, or with everything allowed to everybody. */
PrivateBus *private_bus_start(bool shipped_policy);
/* Returns NULL; takes NULL. */
PrivateBus *private_bus_stop(PrivateBus *bus);

/* A new connection. */
GDBusConnection *private_bus_connect(void);
