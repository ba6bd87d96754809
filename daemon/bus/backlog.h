/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The replies that callers on the system bus have not read yet. The bus daemon keeps them, and keeps at most 127 MiB of
 * the messages of one sender: beyond that, it reads nothing more from vfiod, and nobody gets an answer. So each user
 * has a limit, and all users but root have a common limit. A call beyond a limit is refused with LimitsExceeded. If
 * the caller does not even read the refusals, its calls get no answer.
 *
 * The size of a reply is estimated. From time to time, vfiod asks the bus daemon how much a caller really has not read
 * (org.freedesktop.DBus.Debug.Stats): dbus-daemon for each caller, dbus-broker for all connections together. If another
 * bus daemon does not tell, vfiod relies on the limits of that bus daemon. */

typedef struct Backlog Backlog;

int backlog_new(Service *service, Backlog **ret);
Backlog *backlog_free(Backlog *backlog);

/* Forgets everything, for a new connection to the bus. */
void backlog_clear(Backlog *backlog);

/* Returns the number of connections that have called vfiod, and may still exist. */
size_t backlog_count_callers(const Backlog *backlog);

/* Returns the number of calls since the start. */
uint64_t backlog_count_calls(const Backlog *backlog);

/* Asks the bus daemon which of these connections still exist, and forgets the others when the answers come. */
void backlog_check_callers(Backlog *backlog);

/* For sd_bus_add_filter(): refuses calls beyond the limits. userdata is the Backlog. */
int backlog_filter(sd_bus_message *message, void *userdata, sd_bus_error *error);
