/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/census-client.h"
#include "process/holder-message.h"

/* A host with a million open files takes a few seconds. */
#define DEADLINE_US (20 * UINT64_C(1000000))

static int search(const CensusPort *port, HolderTable *table, MountTable *mounts) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        int fd = peer_connect(((const CensusClient *)port)->path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, NULL, &peer)) < 0 ||
                        (r = peer_make_call(peer, PEER_CENSUS_INTERFACE, "Search", &call)) < 0 ||
                        (r = holder_message_append_search(call, table, mounts != NULL)) < 0 ||
                        (r = sd_bus_call(peer, call, DEADLINE_US, NULL, &reply)) < 0)
                return r;
        return holder_message_read_answer(reply, table, mounts);
}

CensusClient census_client(const char *path) {
        return (CensusClient){{search}, path};
}
