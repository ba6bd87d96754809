/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Asks vfiod-reaper, whose socket has this path, to end the process of a pidfd: with SIGTERM, or with SIGKILL if hard is set. For
 * workers. Returns 0; -ESRCH if the process has ended; -ECONNREFUSED if vfiod-reaper does not answer; or another negative errno. */
int reaper_client_end(const char *path, int pidfd, bool hard);
