/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process/listener.h"

/* What the main programs of the helpers have in common. */

/* Parses the arguments, opens the log, and calls run(). Returns the exit status. */
int helper_main(int argc, char **argv, const char *name, int (*run)(void));

/* Serves connections on the socket that systemd passes, until the helper is idle. Root and the owner of the socket's file
 * may connect. The caller sets child_name, kernel, keep, serve and userdata of the parts. Returns 0 or a negative errno,
 * which is logged. */
int helper_listen(const char *name, ListenerParts parts);
