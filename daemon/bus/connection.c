/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/connection.h"

#include <poll.h>

/* How long the other end may take until it reads again. */
#define READS_WITHIN_MS 500

uint64_t connection_queue_length(sd_bus *bus) {
        uint64_t length = 0;

        (void)sd_bus_get_n_queued_write(bus, &length);
        return length;
}

void connection_close(sd_bus *bus) {
        struct pollfd poll_fd = {.events = POLLOUT};

        if (!bus)
                return;
        poll_fd.fd = sd_bus_get_fd(bus);
        /* sd_bus_flush() waits without a limit, so it must not be called if the other end does not read. */
        if (connection_queue_length(bus) > 0 && poll_fd.fd >= 0 && poll(&poll_fd, 1, READS_WITHIN_MS) > 0 &&
                        (poll_fd.revents & POLLOUT))
                (void)sd_bus_flush(bus);
        sd_bus_close_unref(bus);
}
