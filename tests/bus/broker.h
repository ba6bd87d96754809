/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process.h"

/* A private dbus-broker. Its usual launcher needs systemd, so this gives it its socket and its policy. */

typedef struct Broker Broker;

/* Listens at the path. shipped_policy: as for private_bus_start(). */
Broker *broker_start(const char *path, bool shipped_policy);
/* Accepts NULL and returns NULL. */
Broker *broker_stop(Broker *broker);

pid_t broker_get_pid(Broker *broker);
