/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/base/util.h"

#include <jansson.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

/* The exit codes of vfioctl. They are part of its interface: see vfioctl(1). */
typedef enum ExitCode {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_NO_SUCH = 3,
        EXIT_NOT_AUTHORIZED = 4,
        EXIT_REFUSED = 5,
        EXIT_TIMED_OUT = 6,
        EXIT_NO_RULE = 7,       /* detach --persistent: the devices are detached, but the rule is not written */
        EXIT_UNSOUND = 8,       /* doctor: an error was found */
        EXIT_DIFFERS = 9,       /* apply --check: something would be changed */
        EXIT_INTERRUPTED = 130, /* vfioctl does not exit with it but ends by SIGINT, which shells show as 130 */
} ExitCode;

/* Returns the exit code for a failed call. r is its negative errno; the error is what the bus answered, and may be
 * NULL or not set. */
ExitCode exit_code_from_error(int r, const sd_bus_error *error);

/* Prints the error to stderr and returns the exit code for it. */
ExitCode report_error(int r, const sd_bus_error *error);

/* The same, with advice: a line that follows the error. It may be NULL. */
ExitCode report_error_with(int r, const sd_bus_error *error, const char *advice);

/* Prints a failure that vfioctl itself found, and returns this exit code. The name is the last part of the name of the error,
 * "NotDetached"; or a whole name. Each line of the text after the first one is advice. */
ExitCode report_failure(ExitCode code, const char *name, const char *format, ...) _printf_(3, 4);

/* From now on, errors are kept and not printed. */
void report_keep(void);

/* Returns the first error that was kept, as {"error": {...}}, and forgets it. NULL if there is none, or not enough memory. */
json_t *report_take(void);

/* Prints the first error that was kept to stderr, and forgets it. */
void report_print_kept(void);

/* Returns what the exit code means, for users; NULL behind the last one. */
const char *exit_code_meaning(size_t code);
