/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process.h"

/* A private bus with the rules of a system bus. While it runs, DBUS_SYSTEM_BUS_ADDRESS names it. Its daemon is
 * dbus-daemon, or dbus-broker if $VFIOD_TEST_BUS says so. */

typedef struct PrivateBus PrivateBus;

#define POLKIT_NAME "org.freedesktop.PolicyKit1"

/* Users that may connect. FAR_UID is a number that is negative as an int, and it has no name. */
#define NOBODY_UID 65534U
#define FAR_UID 4000000000U
#define ALICE_UID 4000001U
#define BOB_UID 4000002U

/* shipped_policy: use dbus/org.vfiod1.conf, and let everybody own the name of polkit; otherwise allow everything to
 * everybody. */
PrivateBus *private_bus_start(bool shipped_policy);
/* Accepts NULL and returns NULL. */
PrivateBus *private_bus_stop(PrivateBus *bus);

bool private_bus_is_broker(void);
pid_t private_bus_get_pid(PrivateBus *bus);

/* The bus daemon reads and sends nothing until it goes on. */
void private_bus_pause(PrivateBus *bus);
void private_bus_resume(PrivateBus *bus);

/* A new connection; the second function connects as another user. */
GDBusConnection *private_bus_connect(void);
GDBusConnection *private_bus_connect_as(uid_t uid);

/* Waits until nobody owns the name. */
void private_bus_await_no_owner(GDBusConnection *connection, const char *name);
