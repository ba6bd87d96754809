/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* The kinds of steps of a plan. engine/ applies, verifies and reverts them. */

typedef enum StepKind {
        STEP_LOCK_NODE, /* Locks the group nodes of members on a vfio driver. Refuses if a virtual machine uses one. */
        STEP_CLAIM_DISKS,   /* Opens the disks of all members exclusively, so that nobody can begin to use them. */
        STEP_LOAD_DRIVER,   /* Loads the module of the member's new driver. */
        STEP_RECORD,        /* Writes the state file of a member that is detached. */
        STEP_SET_AUTOPROBE, /* Sets whether host drivers bind to new VFs of the member by themselves. */
        STEP_VANISH,        /* The member vanishes with a later step. A revert binds it as it was. */
        STEP_OVERRIDE,      /* Sets driver_override. */
        STEP_UNBIND,        /* Unbinds the member from its driver. */
        STEP_SET_VFS,       /* Sets the number of VFs of the member. */
        STEP_SET_LINK,      /* Sets MAC address and VLAN of a VF. */
        STEP_PROBE,         /* Makes the kernel bind the member. */
        STEP_APPEAR,        /* Waits until a member appears by an earlier step, and binds it. */
        STEP_SET_POWER,     /* Restores the power settings, which vfio-pci changes. */
        STEP_WAIT_NODE, /* Waits for the node that a virtual machine opens: /dev/vfio/N of the member's group, or cdevs. */
        STEP_RESET,     /* Resets the member. There is nothing to revert: what was in the device is gone. */
        STEP_FORGET,    /* Removes the state file of a member that was reattached, or no longer exists. */
        _STEP_KIND_MAX,
        _STEP_KIND_INVALID = -EINVAL,
} StepKind;

typedef struct PlanStep {
        StepKind kind;
        unsigned member; /* index */
        unsigned value;  /* of SET_AUTOPROBE and SET_VFS */
        unsigned before; /* of the same: the value that a revert writes; the worker reads it */
} PlanStep;

/* A value of SET_AUTOPROBE: as it was on the host. */
#define AUTOPROBE_OF_HOST 2

/* Converts to and from "lock-node" and so on. */
const char *step_kind_to_string(StepKind kind);
StepKind step_kind_from_string(const char *text);

/* Tells whether the step changes the host or state files. Steps that do not come first in a plan, so a refusal leaves
 * no trace. */
bool step_kind_writes(StepKind kind);
