/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/modules-client.h"
#include "process/peer.h"

/* Loading a driver can take long. If the module does not load in this time, the kernel probably hangs. */
#define DEADLINE_US (120 * UINT64_C(1000000))

static int ask(const char *path, const char *module, int32_t *ret_result) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        int fd = peer_connect(path);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, NULL, &peer)) < 0 ||
                        (r = peer_make_call(peer, PEER_MODULES_INTERFACE, "Load", &call)) < 0 ||
                        (r = sd_bus_message_append(call, "s", module)) < 0 ||
                        (r = peer_call(peer, call, DEADLINE_US, &reply)) < 0)
                return r;
        return sd_bus_message_read(reply, "i", ret_result);
}

int modules_client_load(const Kernel *kernel, const char *module, void *userdata) {
        int32_t result;

        (void)kernel;
        int r = ask(userdata, module, &result);
        /* vfiod-modules was killed, for example by an update of the package. It starts again. */
        if (peer_is_lost(r))
                r = ask(userdata, module, &result);
        return r < 0 || result > 0 ? -ECONNREFUSED : result;
}
