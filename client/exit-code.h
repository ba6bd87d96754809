/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>
#include <systemd/sd-bus.h>

/* What vfioctl ends with; part of its interface (vfioctl(1)). */
typedef enum ExitCode {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_NO_SUCH = 3,
        EXIT_NOT_AUTHORIZED = 4,
        EXIT_REFUSED = 5,
        EXIT_TIMED_OUT = 6,
        EXIT_NO_RULE = 7,       /* detach --persistent: the devices are detached, but the rule is not written */
        EXIT_INTERRUPTED = 130, /* not exited with: the process ends by SIGINT, for which shells have this number */
} ExitCode;

/* The code for a failed call: r is its negative errno, error what the bus said, perhaps nothing. */
ExitCode exit_code_from_error(int r, const sd_bus_error *error);

/* Says on stderr what went wrong, and returns the code for it. */
ExitCode report_error(int r, const sd_bus_error *error);

/* Lists all codes and what they mean, one a line. */
void exit_code_print_all(FILE *stream);
