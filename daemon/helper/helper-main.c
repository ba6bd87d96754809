/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/helper-main.h"
#include "base/arguments.h"
#include "base/log.h"

#include <pwd.h>
#include <systemd/sd-daemon.h>

#define IDLE_US (30 * UINT64_C(1000000))

/* The daemon has limits for jobs, plans and searches. All together are fewer. */
#define CHILDREN_MAX 256

int helper_main(int argc, char **argv, const char *name, int (*run)(void)) {
        log_open();
        int r = arguments_parse(
                        argc, argv, name, "Helper of vfiod, see vfiod(8). systemd starts it when vfiod needs it.");
        if (r > 0)
                return r - 1;
        return run() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int helper_listen(const char *name, ListenerParts parts) {
        int n = sd_listen_fds(true);
        if (n != 1) {
                log_error("systemd has passed %d sockets instead of one: start %s.socket.", n, name);
                return n < 0 ? n : -EINVAL;
        }
        parts.listen_fd = SD_LISTEN_FDS_START;
        parts.children_max = CHILDREN_MAX;
        parts.idle_us = IDLE_US;
        int r = listener_run(&parts);
        return r < 0 ? log_error_errno(r, "The event loop failed") : r;
}

uid_t helper_find_client(void) {
        const struct passwd *entry = getpwnam(HELPER_CLIENT);

        return entry ? entry->pw_uid : 0;
}
