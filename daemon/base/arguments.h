/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Handles --help and --version, the only arguments of the daemon and its helpers. description: one line for --help.
 * Returns 0 to continue, or the exit status plus one. */
int arguments_parse(int argc, char **argv, const char *name, const char *description);
