/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arguments.h"
#include "config.h"

#include <getopt.h>

static int usage(const char *name, const char *description, int status) {
        fprintf(status == 0 ? stdout : stderr, "Usage: %s [--help] [--version]\n\n%s\n", name, description);
        return status + 1;
}

int arguments_parse(int argc, char **argv, const char *name, const char *description) {
        static const struct option options[] = {
                        {"help", no_argument, NULL, 'h'},
                        {"version", no_argument, NULL, 'V'},
                        {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case 'h':
                        return usage(name, description, 0);
                case 'V':
                        printf("%s %s\n", name, VFIOD_VERSION);
                        return 1;
                default:
                        return usage(name, description, 2);
                }
        return optind < argc ? usage(name, description, 2) : 0;
}
