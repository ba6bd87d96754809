/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "call.h"

/* Makes the call and disturbs it: the kernel refuses or stalls a write, a card disappears or is replaced, another
 * program writes, a VM opens the node, the worker or the daemon is killed. Waits until the daemon is idle, and reads
 * the state of the machine. */
void trouble_call(World *world, Call *call);

/* Makes the call without a disturbance. */
void trouble_call_undisturbed(World *world, Call *call);

/* The single steps of trouble_call(). Waits until the call is stalled at a write; returns false if it ends before. */
bool trouble_await_stall(World *world, Call *call);
/* Waits for the answer, unless there can be none, and until the daemon is idle. Reads the state of the machine. */
void trouble_finish(World *world, Call *call);
/* Stops or kills the daemon while a call is running, and starts the next daemon. Returns the workers that still run. */
GArray *trouble_replace_daemon(World *world, Call *call, bool kill);
/* Waits until these workers have ended. */
void trouble_reap(GArray *workers);

/* Runs another operation while a call is stalled. */
typedef void (*trouble_meanwhile_t)(World *world);
void trouble_set_meanwhile(trouble_meanwhile_t meanwhile);
void trouble_run_meanwhile(World *world, int group);
