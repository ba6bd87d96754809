/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <systemd/sd-bus.h>

/* Private connections between the processes of vfiod. They carry messages of D-Bus, but there is no bus: the two ends
 * of the socket talk to each other. The name of the interface has the version of the protocol, so two versions do not
 * understand each other, and say so. */

#define PEER_WORKER_INTERFACE "org.vfiod1.Worker3"
#define PEER_CENSUS_INTERFACE "org.vfiod1.Census2"
#define PEER_MODULES_INTERFACE "org.vfiod1.Modules1"
#define PEER_REAPER_INTERFACE "org.vfiod1.Reaper1"
#define PEER_PATH "/org/vfiod1"

/* Connects to a helper that listens at this path. Does not block. Returns the descriptor, or a negative errno: -ENOENT
 * or -ECONNREFUSED if nobody listens; -EAGAIN if too many wait already. */
int peer_connect(const char *path);

/* Starts the messages on one end of a socket, and takes the descriptor over, also after a failure. A client may attach
 * the connection to its event loop. The server has no event loop, and calls sd_bus_process(). Both may pass
 * descriptors. A client ends the connection if the other end sends a call, or a signal that no filter of the client takes.
 * The caller owns the connection. Return 0 or a negative errno. */
int peer_open_client(int fd, sd_event *event, sd_bus **ret);
int peer_open_server(int fd, sd_bus **ret);

/* Answers the calls of the other end with the methods of this table, until the connection ends. Takes the descriptor
 * over. Returns 0 or a negative errno. */
int peer_serve(int fd, const char *interface, const sd_bus_vtable *vtable, void *userdata);

/* Makes a call of the only object of the other end. Returns 0 or a negative errno. */
int peer_make_call(sd_bus *peer, const char *interface, const char *member, sd_bus_message **ret);

/* Sends a call without an event loop, and waits for the reply. The time includes that until the other end accepts the
 * connection, for which sd_bus_call() would wait without a deadline. Returns 0; -ETIMEDOUT; or another negative errno. */
int peer_call(sd_bus *peer, sd_bus_message *call, uint64_t timeout_us, sd_bus_message **ret_reply);

/* Tells whether a result from another process is 0 or a negative errno: INT_MIN, for example, cannot be negated. */
#define PEER_ERRNO_MAX 4095
static inline bool peer_is_errno(int result) {
        return result <= 0 && result >= -PEER_ERRNO_MAX;
}

/* Tells whether a negative errno of these functions says that the other end has gone. */
bool peer_is_lost(int error);

/* Append and read a text that may have any bytes, because a string of D-Bus must be UTF-8. The buffer has max bytes.
 * Return 0; -EBADMSG for a text of max bytes or more, or with a NUL byte in it; or another negative errno. */
int peer_append_bytes(sd_bus_message *message, const char *text);
int peer_read_bytes(sd_bus_message *message, char *buffer, size_t max);
