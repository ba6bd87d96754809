/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/steps.h"

static const StepRow rows[_STEP_KIND_MAX] = {
                [STEP_LOCK_NODE] = {step_lock_node, NULL, NULL},
                [STEP_CLAIM_DISKS] = {step_claim_disks, NULL, NULL},
                [STEP_LOAD_DRIVER] = {step_load_driver, NULL, NULL},
                [STEP_RECORD] = {step_record, NULL, step_record_revert},
                [STEP_SET_AUTOPROBE] = {step_set_autoprobe, step_set_autoprobe_verify, step_set_autoprobe_revert},
                [STEP_VANISH] = {NULL, NULL, step_vanish_revert},
                [STEP_OVERRIDE] = {step_override, step_override_verify, step_override_revert},
                [STEP_UNBIND] = {step_unbind, step_unbind_verify, step_unbind_revert},
                [STEP_SET_VFS] = {step_set_vfs, step_set_vfs_verify, step_set_vfs_revert},
                [STEP_SET_LINK] = {step_set_link, step_set_link_verify, step_set_link_revert},
                [STEP_PROBE] = {step_probe, step_probe_verify, step_probe_revert},
                [STEP_APPEAR] = {step_appear, NULL, NULL},
                [STEP_SET_POWER] = {step_set_power, step_set_power_verify, step_set_power_revert},
                [STEP_WAIT_NODE] = {step_wait_node, NULL, NULL},
                [STEP_FORGET] = {step_forget, NULL, step_forget_revert},
};

const StepRow *step_row(StepKind kind) {
        return &rows[kind];
}
