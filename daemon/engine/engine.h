/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* Runs the steps of a plan, forwards and backwards. */

/* Called before each step with its index; holder names the process that an unbind waits for, NULL for none. */
typedef void (*engine_progress_t)(size_t step, const char *holder, void *userdata);

/* Asked before each step whether the work shall be undone instead. */
typedef bool (*engine_cancelled_t)(bool last, void *userdata);

typedef struct EngineCallbacks {
        engine_progress_t progress;      /* NULL where nobody wants to know */
        engine_cancelled_t is_cancelled; /* NULL for work that cannot be cancelled */
        void *userdata;
} EngineCallbacks;

/* Applies and verifies the steps that write, or those that do not, in order. Returns 0, or the outcome of the first step that
 * fails: CANCELLED, or what the step returns; -ENOMEM. ret_n is the number of steps to revert, the failed one included. */
int engine_apply(Work *work, bool writing, const EngineCallbacks *callbacks, size_t *ret_n, Problem *problem);

/* Reverts the first n steps in reverse order and goes on where one fails. A group that a virtual machine has taken meanwhile
 * stays as it is; held says so. */
void engine_revert(Work *work, size_t n, const EngineCallbacks *callbacks, Problem *held);
