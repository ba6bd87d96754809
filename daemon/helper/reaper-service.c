/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/reaper-service.h"
#include "base/log.h"
#include "process/peer.h"

#include <signal.h>
#include <sys/syscall.h>

static int method_end(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        int pidfd, hard;

        (void)userdata, (void)error;
        int r = sd_bus_message_read(message, "hb", &pidfd, &hard);
        if (r < 0)
                return r;
        r = syscall(SYS_pidfd_send_signal, pidfd, hard ? SIGKILL : SIGTERM, NULL, 0) < 0 ? -errno : 0;
        return sd_bus_reply_method_return(message, "i", r);
}

/* The listener has checked who connects, so every call is allowed. */
static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("End", "hb", "i", method_end, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

void reaper_serve(int fd, void *userdata) {
        int r = peer_serve(fd, PEER_REAPER_INTERFACE, vtable, userdata);
        if (r < 0)
                log_error_errno(r, "Cannot talk to a worker");
}
