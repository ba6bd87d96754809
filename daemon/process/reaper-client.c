/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/reaper-client.h"
#include "process/peer.h"

#define DEADLINE_US (10 * UINT64_C(1000000))

static int ask(const char *path, int pidfd, bool hard, sd_bus_message **ret_reply) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        int fd = peer_connect(path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, NULL, &peer)) < 0 ||
                        (r = peer_make_call(peer, PEER_REAPER_INTERFACE, "End", &call)) < 0 ||
                        (r = sd_bus_message_append(call, "hb", pidfd, (int)hard)) < 0)
                return r;
        return peer_call(peer, call, DEADLINE_US, ret_reply);
}

int reaper_client_end(const char *path, int pidfd, bool hard) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int32_t result;

        int r = ask(path, pidfd, hard, &reply);
        /* vfiod-reaper was killed, for example by an update of the package. It starts again. */
        if (peer_is_lost(r))
                r = ask(path, pidfd, hard, &reply);
        if (r < 0 || sd_bus_message_read(reply, "i", &result) < 0 || !peer_is_errno(result))
                return -ECONNREFUSED;
        return result;
}
