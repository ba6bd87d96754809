/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peer-pair.h"

#include <sys/socket.h>

#define INTERFACE "org.vfiod1.Test1"

PeerPair *peer_pair_new(void) {
        PeerPair *pair = g_new0(PeerPair, 1);
        int ends[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==, 0);
        g_assert_cmpint(peer_open_client(ends[0], NULL, &pair->client), ==, 0);
        g_assert_cmpint(peer_open_server(ends[1], &pair->server), ==, 0);
        return pair;
}

void peer_pair_free(PeerPair *pair) {
        sd_bus_close_unref(pair->client);
        sd_bus_close_unref(pair->server);
        g_free(pair);
}

sd_bus_message *peer_pair_make_call(PeerPair *pair) {
        sd_bus_message *call = NULL;

        g_assert_cmpint(peer_make_call(pair->client, INTERFACE, "Test", &call), >=, 0);
        return call;
}

sd_bus_message *peer_pair_transfer(PeerPair *pair, sd_bus_message *call) {
        sd_bus_message *received = NULL;

        g_assert_cmpint(sd_bus_message_set_expect_reply(call, false), >=, 0);
        g_assert_cmpint(sd_bus_send(pair->client, call, NULL), >=, 0);
        sd_bus_message_unref(call);
        /* The first calls authenticate both ends. */
        while (!received) {
                g_assert_cmpint(sd_bus_process(pair->client, NULL), >=, 0);
                g_assert_cmpint(sd_bus_process(pair->server, &received), >=, 0);
                if (received && !sd_bus_message_is_method_call(received, INTERFACE, "Test"))
                        received = sd_bus_message_unref(received);
        }
        return received;
}
