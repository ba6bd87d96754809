/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* What each kind of step does: one row of a table. The functions return 0, a positive outcome with a message, or -ENOMEM.
 * Each is idempotent: applying what is so already, and reverting what was never applied, changes nothing. That is why a
 * recovery needs to know only the plan and not how far its worker came. */

typedef int (*step_function_t)(Work *work, const PlanStep *step, Problem *problem);

typedef struct StepRow {
        step_function_t apply;
        step_function_t verify; /* reads back what apply wrote; NULL where apply is its own proof */
        step_function_t revert; /* NULL where there is nothing to revert */
} StepRow;

const StepRow *step_row(StepKind kind);

/* The rows, by the file that has them. */
int step_lock_node(Work *work, const PlanStep *step, Problem *problem);
int step_claim_disks(Work *work, const PlanStep *step, Problem *problem);
int step_load_driver(Work *work, const PlanStep *step, Problem *problem);
int step_wait_node(Work *work, const PlanStep *step, Problem *problem);

int step_record(Work *work, const PlanStep *step, Problem *problem);
int step_record_revert(Work *work, const PlanStep *step, Problem *problem);
int step_forget(Work *work, const PlanStep *step, Problem *problem);
int step_forget_revert(Work *work, const PlanStep *step, Problem *problem);

int step_override(Work *work, const PlanStep *step, Problem *problem);
int step_override_verify(Work *work, const PlanStep *step, Problem *problem);
int step_override_revert(Work *work, const PlanStep *step, Problem *problem);
int step_unbind(Work *work, const PlanStep *step, Problem *problem);
int step_unbind_verify(Work *work, const PlanStep *step, Problem *problem);
int step_unbind_revert(Work *work, const PlanStep *step, Problem *problem);
int step_probe(Work *work, const PlanStep *step, Problem *problem);
int step_probe_verify(Work *work, const PlanStep *step, Problem *problem);
int step_probe_revert(Work *work, const PlanStep *step, Problem *problem);
int step_set_link(Work *work, const PlanStep *step, Problem *problem);
int step_set_link_verify(Work *work, const PlanStep *step, Problem *problem);
int step_set_link_revert(Work *work, const PlanStep *step, Problem *problem);
int step_set_power(Work *work, const PlanStep *step, Problem *problem);
int step_set_power_verify(Work *work, const PlanStep *step, Problem *problem);
int step_set_power_revert(Work *work, const PlanStep *step, Problem *problem);

int step_set_autoprobe(Work *work, const PlanStep *step, Problem *problem);
int step_set_autoprobe_verify(Work *work, const PlanStep *step, Problem *problem);
int step_set_autoprobe_revert(Work *work, const PlanStep *step, Problem *problem);
int step_set_vfs(Work *work, const PlanStep *step, Problem *problem);
int step_set_vfs_verify(Work *work, const PlanStep *step, Problem *problem);
int step_set_vfs_revert(Work *work, const PlanStep *step, Problem *problem);
int step_vanish_revert(Work *work, const PlanStep *step, Problem *problem);
int step_appear(Work *work, const PlanStep *step, Problem *problem);
