/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/transaction.h"
#include "usage/disk-claim.h"

/* What the files function-*.c share of the work in a worker. */

/* A group that is kept from virtual machines, so that removing its device does not wait for one. */
typedef struct HeldNode {
        int group;
        int fd;
} HeldNode;

typedef struct FunctionWork {
        Transaction *transaction;
        FunctionRecord *record; /* of the transaction's record */
        int physical_fd;
        HeldNode *nodes;
        size_t n_nodes;
        DiskClaims claims;
        PciAddress *made; /* the new functions, in the kernel's order */
        size_t n_made;
        Record **detached; /* a record each of those that are on vfio-pci now */
        size_t n_detached;
} FunctionWork;

/* Opens a virtual function, and reads who it is and what it is bound to. The subject is closed with subject_close(), also when this failed. Returns 0 or a
 * negative errno. */
int function_open(const FunctionWork *work, PciAddress address, Subject *subject);

/* Keeps virtual machines from the group of the function, where it is on a vfio driver. Returns 0, HELD or FAILED. */
int function_hold_node(FunctionWork *work, const Subject *subject, Problem *problem);
void function_release_nodes(FunctionWork *work);

/* Checks that no process has the cdev of one of these virtual functions open: their removal would wait for it. Asked when the nodes of
 * their groups are held. Returns 0, HELD, FAILED or -ENOMEM. */
int function_check_cdevs(const FunctionWork *work, const PciAddress *functions, size_t n, Problem *problem);

/* The IOMMU group, or a negative errno. */
int function_read_group(const Subject *subject);

/* Whether somebody uses the functions that there are, and are to go: from here on nobody can begin to. Returns 0, HELD, VIRTUAL_FUNCTIONS_IN_USE, FAILED, or a
 * negative errno. */
int function_guard(FunctionWork *work, TransactionReport *report, Problem *problem);

/* Puts all back to what the record says, and deletes it with what was written since; says how it ended: the cause is in problem already, OUTCOME_DONE for a
 * recovery. Returns 0 for a recovery; ROLLED_BACK, CANCELLED, DRIVER_UNAVAILABLE; DEGRADED, and then the record stays; or -ENOMEM. */
int function_undo(FunctionWork *work, Problem *problem);
