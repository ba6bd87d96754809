/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process/peer.h"

#include <glib.h>

/* The two ends of a private connection, in one process. */
typedef struct PeerPair {
        sd_bus *client, *server;
} PeerPair;

PeerPair *peer_pair_new(void);
void peer_pair_free(PeerPair *pair);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PeerPair, peer_pair_free)

/* A call that the client can make; the caller appends the arguments. */
sd_bus_message *peer_pair_make_call(PeerPair *pair);

/* Sends the call, drops it, and returns what the server receives. */
sd_bus_message *peer_pair_transfer(PeerPair *pair, sd_bus_message *call);

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
