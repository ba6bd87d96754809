/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state.h"

/* Takes over the files of vfiod's first edition: the numbered files "N.record" in the state folder, each for the
 * devices of one group. They are read once, written as today's files, and removed; then all files are read again. A
 * file that a worker of the first edition still uses stays until the next start of vfiod-worker. A file that cannot
 * be read is reported and stays. For vfiod-worker. Returns 0; -ENOMEM; or the errno of a folder that cannot be read. */
int first_edition_take_over(State *state);
