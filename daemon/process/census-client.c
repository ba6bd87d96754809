/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/census-client.h"
#include "process/holder-message.h"

static int search(const CensusPort *port, HolderTable *table, MountTable *mounts) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        uint64_t now_us = clock_us(CLOCK_MONOTONIC);
        uint64_t end_us = table->end_us != 0 ? table->end_us : now_us + CENSUS_TIMEOUT_US;
        if (now_us >= end_us)
                return -ETIME;
        int fd = peer_connect(((const CensusClient *)port)->path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, NULL, &peer)) < 0 ||
                        (r = peer_make_call(peer, PEER_CENSUS_INTERFACE, "Search", &call)) < 0 ||
                        (r = holder_message_append_search(call, table, mounts != NULL)) < 0)
                return r;
        if ((r = peer_call(peer, call, end_us - now_us, &reply)) < 0)
                return r == -ETIMEDOUT ? -ETIME : r;
        return holder_message_read_answer(reply, table, mounts);
}

CensusClient census_client(const char *path) {
        return (CensusClient){{search}, path};
}
