/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/modules-client.h"
#include "process/peer.h"

/* Loading a driver can take long. If the module does not load in this time, the kernel probably hangs. */
#define DEADLINE_US (120 * UINT64_C(1000000))

int modules_client_load(const Kernel *kernel, const char *module, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int32_t result;

        (void)kernel;
        int fd = peer_connect(userdata);
        if (fd < 0 || peer_open_client(fd, NULL, &peer) < 0 ||
                        peer_make_call(peer, PEER_MODULES_INTERFACE, "Load", &call) < 0 ||
                        sd_bus_message_append(call, "s", module) < 0 ||
                        peer_call(peer, call, DEADLINE_US, &reply) < 0 || sd_bus_message_read(reply, "i", &result) < 0)
                return -ECONNREFUSED;
        return result > 0 ? -ECONNREFUSED : result;
}
