/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "overview.h"
#include "verbs.h"

/* Which devices the lists show. */

/* Checks the values of --state, --class, --sort and the like before vfiod is asked. Returns EXIT_DONE, or EXIT_USAGE
 * after it has printed what is wrong. */
ExitCode filter_check(const ListOptions *options);

/* Drops the rows that the selectors and options of the call do not ask for. Without selectors and --all, these are also
 * the devices that cannot be given to a virtual machine, if only_offered is set. Returns EXIT_DONE, or the exit code
 * after it has printed what is wrong, for example that nothing has such a name. */
ExitCode filter_rows(Invocation *invocation, bool only_offered, Overview *overview);
