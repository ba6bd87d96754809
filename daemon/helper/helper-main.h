/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* What the main programs of the helpers have in common. */

/* The user of the daemon. */
#define HELPER_CLIENT "vfiod"

#define HELPER_IDLE_US (30 * UINT64_C(1000000))

/* Handles --help and --version. Returns 0 to continue, or the exit status plus one. */
int helper_parse_arguments(int argc, char **argv, const char *name);

/* Returns the listening socket that systemd passes, or a negative errno, which is logged. */
int helper_take_socket(const char *name);

/* Returns the user id of the daemon, or that of root if there is no such user. */
uid_t helper_find_client(void);
