/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/system-bus.h"

/* vfiod ends when it has had nothing to do for a while: it has no rule, no lease, no revert, no job, also no ended one that somebody may ask
 * for, and has detached no device; and none of those who called it is connected any more. systemd starts it again when somebody calls it on
 * the bus, connects to root's socket, or when the kernel reports a change of a device. */

typedef struct Idle Idle;

typedef struct IdleParts {
        sd_event *event;
        const Service *service;
        const SystemBus *bus;
        const State *state;
        uint64_t delay_us; /* After twice this time without work, it ends if no caller is connected. */
        bool (*is_busy)(const void *userdata); /* whether there is work of which the service does not know */
        void (*stop)(void *userdata);          /* Called when vfiod begins to end: it takes no new connections. */
        void *userdata;
} IdleParts;

/* Begins to watch. Copies the struct, and borrows what it points to. Returns 0 or a negative errno. */
int idle_new(const IdleParts *parts, Idle **ret);

Idle *idle_free(Idle *idle);
