/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"

#include <glib.h>

/* The kernel's queue of events for one listener. It works like netlink: when it is full, new events are dropped, and
 * so are all later events until the listener has emptied the queue. The listener is told once about the loss, before
 * the events that are still queued. */

typedef struct EventQueue EventQueue;

EventQueue *event_queue_new(unsigned capacity);
EventQueue *event_queue_free(EventQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventQueue, event_queue_free)

/* The path is below /sys/devices; old_path is for "move", else NULL. */
void event_queue_emit(
                EventQueue *queue, const char *action, const char *path, const char *subsystem, const char *old_path);
/* An event with a variable without "=", as some drivers send it. */
void event_queue_emit_malformed(EventQueue *queue, const char *subsystem);
unsigned event_queue_dropped(const EventQueue *queue);
unsigned event_queue_reports(const EventQueue *queue); /* number of losses that the listener was told about */

/* Listeners: a source of the test's own, or the real source through libudev, whose socket receives from this queue
 * (in a program that is linked with event-queue-socket.c). At most one libudev source at a time. */
UeventSource *event_queue_listen(EventQueue *queue);
UeventSource *event_queue_listen_udev(EventQueue *queue);

/* For the socket: the next message in the kernel's format. Returns its length, -ENOBUFS or -EAGAIN. With peek, the
 * message stays in the queue. */
ssize_t event_queue_receive(EventQueue *queue, char *buffer, size_t size, bool peek);
bool event_queue_is_readable(const EventQueue *queue);
EventQueue *event_queue_of_socket(int fd); /* NULL for other sockets */
