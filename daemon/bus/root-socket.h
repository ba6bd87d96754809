/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Root's own socket. On the system bus, all users share one connection to vfiod, and a user who overloads the bus
 * keeps root out, too. So the programs of root can connect to vfiod directly. Each such peer has its own connection
 * with the same objects and signals as on the system bus. There is no bus daemon in between: a message has no sender,
 * and a peer needs no match rules.
 *
 * A peer that does not read loses its connection. A job goes on after its caller has left. */

typedef struct RootSocket RootSocket;

/* Accepts connections on a listening stream socket, and closes those of other users at once. Takes the descriptor
 * over, also on failure. Borrows the service, which must be published and outlive the socket. Returns 0 or a negative
 * errno. */
int root_socket_new(Service *service, sd_event *event, int fd, RootSocket **ret);

/* Accepts no more connections. They wait until systemd starts vfiod again. root may be NULL. */
void root_socket_stop(RootSocket *root);

/* Closes all connections, after a short attempt to send what is still queued. */
RootSocket *root_socket_free(RootSocket *socket);
