/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/step.h"

static const char *const names[_STEP_KIND_MAX] = {
                [STEP_LOCK_NODE] = "lock-node",
                [STEP_CLAIM_DISKS] = "claim-disks",
                [STEP_LOAD_DRIVER] = "load-driver",
                [STEP_RECORD] = "record",
                [STEP_SET_AUTOPROBE] = "set-autoprobe",
                [STEP_VANISH] = "vanish",
                [STEP_OVERRIDE] = "override",
                [STEP_UNBIND] = "unbind",
                [STEP_SET_VFS] = "set-vfs",
                [STEP_SET_LINK] = "set-link",
                [STEP_PROBE] = "probe",
                [STEP_APPEAR] = "appear",
                [STEP_SET_POWER] = "set-power",
                [STEP_WAIT_NODE] = "wait-node",
                [STEP_RESET] = "reset",
                [STEP_FORGET] = "forget",
};

const char *step_kind_to_string(StepKind kind) {
        return names[kind];
}

StepKind step_kind_from_string(const char *text) {
        for (StepKind kind = 0; kind < _STEP_KIND_MAX; kind++)
                if (streq(text, names[kind]))
                        return kind;
        return _STEP_KIND_INVALID;
}

bool step_kind_writes(StepKind kind) {
        return kind != STEP_LOCK_NODE && kind != STEP_CLAIM_DISKS && kind != STEP_LOAD_DRIVER;
}
