/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "call.h"

/* Makes the call, with whatever trouble comes along: the kernel refuses or stalls a write, a card vanishes or is replaced under it, somebody else writes, a
 * VM opens the node, the worker or the daemon is killed. Returns when the daemon has come to rest, and looks. */
void trouble_call(World *world, Call *call);

/* The same without any. */
void trouble_free_call(World *world, Call *call);

/* The parts of it. Waits until the call is held up at a write; false if it is done before. */
bool trouble_await_stall(World *world, Call *call);
/* Waits for the answer, unless there can be none, and for the daemon's rest, and looks. */
void trouble_finish(World *world, Call *call);
/* Ends the daemon with a call under way, well or by a kill, and has the next one begin. Returns the workers that were left. */
GArray *trouble_replace_daemon(World *world, Call *call, bool kill);
/* Waits for the end of such workers. */
void trouble_bury(GArray *workers);

/* What goes on beside a call that is held up: an operation of its own. */
typedef void (*trouble_beside_t)(World *world);
void trouble_set_beside(trouble_beside_t beside);
void trouble_do_beside(World *world, int group);
