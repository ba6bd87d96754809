/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* What each kind of step does. Each function is idempotent: it changes nothing if the step is already applied, or was
 * never applied. That is why a recovery needs to know only the plan, and not how far its worker came. */

typedef int (*step_callback_t)(Work *work, const PlanStep *step, Problem *problem);

typedef struct StepRow {
        /* Each returns 0, an outcome with a message, or -ENOMEM, and is NULL if there is nothing to do. */
        step_callback_t apply;
        step_callback_t verify; /* Reads back what apply wrote. */
        /* Undoes what apply did. Its result does not matter: after all steps the rollback compares each device with its
         * former state. */
        step_callback_t revert;
} StepRow;

extern const StepRow lock_node_row, claim_disks_row, load_driver_row, wait_node_row;   /* host-steps.c */
extern const StepRow reset_row;                                                        /* reset-step.c */
extern const StepRow record_row, forget_row;                                           /* state-steps.c */
extern const StepRow override_row, unbind_row, probe_row, set_link_row, set_power_row; /* device-steps.c */
extern const StepRow set_autoprobe_row, set_vfs_row, vanish_row, appear_row;           /* vf-steps.c */
