/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* A stub of vfiod's socket for leases. It serves one client after the other. */

typedef struct LeaseSocket LeaseSocket;

/* Answers each ticket with this text and these descriptors, which end in -1 and stay the caller's. */
LeaseSocket *lease_socket_start(const char *answer, const int *descriptors);
/* Returns NULL. */
LeaseSocket *lease_socket_stop(LeaseSocket *socket);

const char *lease_socket_get_path(const LeaseSocket *socket);

/* Waits for the next ticket, and returns it. */
char *lease_socket_expect_ticket(LeaseSocket *socket);

/* Whether the client of the last ticket, or a process that inherited its connection, has it still open. */
gboolean lease_socket_is_open(LeaseSocket *socket);
/* Waits until nobody has it open. */
void lease_socket_expect_end(LeaseSocket *socket);
