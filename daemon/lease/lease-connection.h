/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

/* A connection that a user has made to vfiod.
 *
 * A user can pass descriptors over each socket of this kind, and they wait in the queue of the connection. Whoever closes the last copy
 * of a descriptor may have to wait for the file behind it: for a TCP socket with SO_LINGER, as long as the user wants. So vfiod must
 * not receive a packet with descriptors, and must not close a connection with packets in its queue. */

/* Receives one packet, as recv() with MSG_TRUNC does, and accepts no more packets. Returns its size, which may be more than the size of
 * the buffer; 0 for the end or an empty packet; -EAGAIN if there is no packet yet; -EBADMSG if the packet has descriptors, or if the
 * user has sent another packet too; or another negative errno. */
ssize_t lease_connection_receive(int fd, void *buffer, size_t size);

/* Closes the connection. If packets are left, a child process does so, because a process that exits does not wait. Returns 0; or a
 * negative errno if there is no child, and then the connection is still open. */
int lease_connection_close(sd_event *event, const Kernel *kernel, int fd);
