/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "host.h"
#include "process/peer.h"

/* A program that took over vfiod, and the real worker at the other end of its connection. */

/* Longer than any answer takes. */
#define FRONT_DEADLINE_US (60 * G_USEC_PER_SEC)

typedef struct Front {
        Host *host;
        char *rules, *early, *boot, *canary;
        const char *folders[2];
        const char *reaper; /* path of its socket; NULL for none */
        uid_t uid;          /* of the program; 0 by default */
        sd_bus *peer;
        pid_t worker;
        int control_fd, their_control_fd, alive_fd, their_alive_fd;
} Front;

/* front_free() checks that the file "canary", which is next to the folders of the worker, is as it was. */
Front *front_new(void);
/* The same with the devices of another file next to card.conf. */
Front *front_new_with(const char *topology);
Front *front_free(Front *front);
DEFINE_TRIVIAL_CLEANUP_FUNC(Front *, front_free)
#define _cleanup_front_ _cleanup_(front_freep)

/* Connects to a new worker, as vfiod does; or only ends the connection, and waits for the end of the worker. */
void front_connect(Front *front);
void front_disconnect(Front *front);

/* Make a call: of any method, and of Run with its descriptors and this number of the transaction. */
sd_bus_message *front_make_call(Front *front, const char *member);
sd_bus_message *front_make_run(Front *front, unsigned number);

/* Sends the call and drops it. Returns 0 and the reply, or a negative errno. */
int front_send(Front *front, sd_bus_message *call, sd_bus_message **ret);

/* Connects, makes a small request, and returns its result. */
int front_ask(Front *front, const char *member, const char *types, ...);

/* Plans. */

#define RAW_MEMBERS_MAX 3

typedef struct RawMember {
        const char *address;
        int group, parent;
        const char *driver, *named;
        bool recorded, created;
} RawMember;

/* What the message says, before anybody checks it. */
typedef struct RawPlan {
        const char *verb, *selected;
        int group;
        unsigned vf_count, vf_fate;
        bool force, forget;
        RawMember members[RAW_MEMBERS_MAX];
        const char *guard, *where;  /* of a finding; NULL for none */
        const char *caller, *field; /* for the log; NULL for none */
} RawPlan;

void front_append_plan(sd_bus_message *call, const RawPlan *plan);

/* Connects, runs the plan, and returns the error of the result, or the outcome. */
int front_run(Front *front, const RawPlan *plan);
