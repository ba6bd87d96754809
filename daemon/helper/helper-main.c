/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/helper-main.h"
#include "base/log.h"
#include "config.h"

#include <getopt.h>
#include <pwd.h>
#include <systemd/sd-daemon.h>

static int usage(const char *name, int status) {
        fprintf(status == 0 ? stdout : stderr,
                        "Usage: %s [--help] [--version]\n"
                        "\n"
                        "Helper of vfiod, see vfiod(8). systemd (%s.socket) starts it when vfiod needs it.\n",
                        name, name);
        return status;
}

int helper_parse_arguments(int argc, char **argv, const char *name) {
        static const struct option options[] = {
                        {"help", no_argument, NULL, 'h'},
                        {"version", no_argument, NULL, 'V'},
                        {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case 'h':
                        return usage(name, 0) + 1;
                case 'V':
                        printf("%s %s\n", name, VFIOD_VERSION);
                        return 1;
                default:
                        return usage(name, 2) + 1;
                }
        return optind < argc ? usage(name, 2) + 1 : 0;
}

int helper_take_socket(const char *name) {
        int n = sd_listen_fds(true);

        if (n == 1)
                return SD_LISTEN_FDS_START;
        log_error("systemd has passed %d sockets instead of one: start %s.socket.", n, name);
        return n < 0 ? n : -EINVAL;
}

uid_t helper_find_client(void) {
        const struct passwd *entry = getpwnam(HELPER_CLIENT);

        return entry ? entry->pw_uid : 0;
}
