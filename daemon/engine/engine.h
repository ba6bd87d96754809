/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* Runs the steps of a plan, forwards and backwards. */

/* Applies and verifies the steps that write, or those that do not, in their order. Returns 0; or CANCELLED, or the
 * outcome of the first step that fails; or -ENOMEM. ret_n is the number of steps to revert, which includes the failed
 * step. */
int engine_apply(Work *work, bool writing, size_t *ret_n, Problem *problem);

/* Returns CANCELLED if the work must be undone instead, else 0. last: it will not be asked again. */
int engine_check_cancelled(const Work *work, bool last, Problem *problem);

/* Reverts the first n steps in reverse order. Continues if a step cannot be reverted. Does not change a group that a
 * virtual machine holds now; then held has a message. */
void engine_revert(Work *work, size_t n, Problem *held);
