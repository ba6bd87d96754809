/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The queue of messages that wait until the other end of a connection reads. sd-bus does not limit it. */

/* Returns the number of messages in the queue. */
uint64_t connection_queue_length(sd_bus *bus);

/* Closes and unrefs the connection, which may be NULL. Sends the queue before, but does not wait for an other end that
 * does not read. */
void connection_close(sd_bus *bus);
