/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "filesystem.h"

/* The commands of the control socket and of topology files. */

/* Runs one line. On success, ret_reply gets the whole reply: data lines, then "ok" or "ok TEXT"; on failure "error
 * TEXT". Commands that need a file system are refused without one (in a topology file). */
bool command_run(Machine *m, Filesystem *f, const char *line, char **ret_reply);

/* Runs each line of a topology file; comments start with #. */
bool command_run_file(Machine *m, const char *path, char **ret_error);
