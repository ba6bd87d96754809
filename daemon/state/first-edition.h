/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state-folder.h"

/* The first edition of vfiod kept numbered files "N.record" in the state folder, each for the devices of one group. After an
 * upgrade they are read once, written as today's files, and removed. A record that a worker of the first edition still works on
 * stays; the next start of vfiod takes it over. Returns 0 or -ENOMEM; what cannot be read is reported and left alone. */
int first_edition_take_over(State *state);
