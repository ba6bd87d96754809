/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/helper-main.h"
#include "base/arguments.h"
#include "base/log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

/* The user of the daemon owns the file. A helper may not see /etc/passwd. Only root can write to the folder of the file.
 * Returns the user id of root if the file cannot be examined. */
static uid_t find_client(int listen_fd) {
        struct sockaddr_un address = {};
        socklen_t length = sizeof(address) - 1;
        struct stat status;

        if (getsockname(listen_fd, (struct sockaddr *)&address, &length) < 0 || address.sun_path[0] != '/' ||
                        lstat(address.sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
                return 0;
        return status.st_uid;
}

int helper_listen(const char *name, ListenerParts parts) {
        int n = sd_listen_fds(true);
        if (n != 1) {
                log_error("systemd has passed %d sockets instead of one: start %s.socket.", n, name);
                return n < 0 ? n : -EINVAL;
        }
        parts.listen_fd = SD_LISTEN_FDS_START;
        parts.client = find_client(parts.listen_fd);
        parts.children_max = CHILDREN_MAX;
        parts.idle_us = IDLE_US;
        int r = listener_run(&parts);
        return r < 0 ? log_error_errno(r, "The event loop failed") : r;
}
