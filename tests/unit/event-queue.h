/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"

#include <glib.h>

/* The kernel's queue of events for one listener. As netlink's: when it is full, what comes is dropped, and so is everything after it until
 * the listener has emptied the queue; of all that he hears once, before what is still queued. */

typedef struct EventQueue EventQueue;

EventQueue *event_queue_new(unsigned capacity);
EventQueue *event_queue_free(EventQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventQueue, event_queue_free)

/* The path is below /sys/devices; old_path is of a "move", else NULL. */
void event_queue_emit(
                EventQueue *queue, const char *action, const char *path, const char *subsystem, const char *old_path);
/* An event with a variable that has no "=", as some drivers give them. */
void event_queue_emit_malformed(EventQueue *queue, const char *subsystem);
unsigned event_queue_dropped(const EventQueue *queue);
unsigned event_queue_reports(const EventQueue *queue); /* of losses, that the listener was given */

/* What listens to it: a source of the test's own, or the real one through libudev, whose socket receives from this queue (in a program that has
 * the functions of event-queue-socket.c). At most one of the latter at a time. */
UeventSource *event_queue_listen(EventQueue *queue);
UeventSource *event_queue_listen_udev(EventQueue *queue);

/* For the socket: the next message as the kernel sends it. Returns its length; -ENOBUFS; -EAGAIN. A peek leaves it. */
ssize_t event_queue_receive(EventQueue *queue, char *buffer, size_t size, bool peek);
bool event_queue_is_readable(const EventQueue *queue);
EventQueue *event_queue_of_socket(int fd); /* NULL for others */
