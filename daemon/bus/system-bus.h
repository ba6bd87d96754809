/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/backlog.h"

/* The connection to the system bus while the service runs. If the bus daemon does not read what vfiod sends, for example
 * because other programs do not read their messages, the queue would grow and nobody would get an answer. Then this
 * closes the connection and makes a new one. Only the calls that wait for an answer are lost: their callers see that
 * the owner of the name has changed. */

typedef struct SystemBus SystemBus;

/* The bus daemon may need so long to read. */
#define SYSTEM_BUS_DEADLINE_US (10 * UINT64_C(1000000))

/* Prepares the connection of the service, before the service requests its name: registers the objects, limits the
 * replies that callers do not read (backlog.h), and attaches the event loop. Returns 0 or a negative errno. */
int system_bus_new(Service *service, sd_event *event, uint64_t deadline_us, SystemBus **ret);

/* Returns the list of those who call on this connection. */
Backlog *system_bus_backlog(const SystemBus *bus);

SystemBus *system_bus_free(SystemBus *bus);
