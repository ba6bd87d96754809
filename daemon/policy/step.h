/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* A plan is a list of steps. Here are their names and properties; engine/ applies, verifies and reverts them. */

typedef enum StepKind {
        STEP_LOCK_NODE, /* Keeps virtual machines from the members that leave a vfio driver. Refuses if one has a device. */
        STEP_CLAIM_DISKS,   /* Opens the disks of all members exclusively, so that nobody can begin to use one. */
        STEP_LOAD_DRIVER,   /* Loads the driver that the member shall get. */
        STEP_RECORD,        /* Writes the state file of a member that goes away. */
        STEP_SET_AUTOPROBE, /* Sets whether the host's drivers bind to new VFs of the member by themselves. */
        STEP_VANISH,        /* The member vanishes with a later step. A revert binds it as it was. */
        STEP_OVERRIDE,      /* Sets driver_override. */
        STEP_UNBIND,        /* Takes the member from its driver. */
        STEP_SET_VFS,       /* Sets the number of VFs of the member. */
        STEP_SET_LINK,      /* Sets MAC address and VLAN of a VF. */
        STEP_PROBE,         /* Has the kernel bind the member. */
        STEP_APPEAR,        /* Waits for a member that appears by an earlier step, and binds it as it shall be. */
        STEP_SET_POWER,     /* Sets the power settings, which vfio-pci changes. */
        STEP_WAIT_NODE,     /* Waits for /dev/vfio/N of the member's group. */
        STEP_FORGET,        /* Removes the state file of a member that is back, or gone for good. */
        _STEP_KIND_MAX,
        _STEP_KIND_INVALID = -EINVAL,
} StepKind;

typedef struct PlanStep {
        StepKind kind;
        unsigned member; /* index */
        unsigned value;  /* of SET_AUTOPROBE and SET_VFS */
        unsigned before; /* of the same: the value that a revert writes; the worker finds it out */
} PlanStep;

/* As a value of SET_AUTOPROBE: what the host had. */
#define AUTOPROBE_OF_HOST 2

/* "lock-node" and so on. */
const char *step_kind_to_string(StepKind kind);
StepKind step_kind_from_string(const char *text);

/* Whether the step changes anything. Steps that do not come first in a plan, before anything is written to disk, so that a
 * refusal leaves no trace. */
bool step_kind_writes(StepKind kind);
