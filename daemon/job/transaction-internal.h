/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/subject.h"
#include "job/transaction.h"
#include "usage/disk-claim.h"

/* What the files of the transaction share. */

/* The work in hand: the subjects stand in the order of the plan's members. */
typedef struct Work {
        Transaction *transaction;
        Subject *subjects;
        size_t n_subjects;
        int node_fd; /* the group's node, while we keep VMs from it */
        DiskClaims claims;
} Work;

/* Takes the group's node, unless the work has it already, so that no virtual machine can take the group; and checks that no process has
 * the cdev of a member open. Returns 0; HELD, since an unbind would wait for the holder; FAILED; or -ENOMEM. */
int transaction_lock_node(Work *work, Problem *problem);

/* The override under which the target driver, and no other, comes at a probe. */
const char *transaction_override_for_probe(const Binding *target);

/* Whether the subject is not on the right driver already: one that is needs only its override. */
bool transaction_needs_move(const Subject *subject);

/* Whether the subject is as it was when the work began. */
bool transaction_is_restored(const Subject *subject);

/* The problem as a sentence, with its name where it has one of its own. To be freed; NULL without memory. */
char *transaction_describe_cause(const Problem *problem);

/* Undoes in reverse order and says how it ended: the cause is in problem already. Returns ROLLED_BACK, CANCELLED, DEGRADED or -ENOMEM. */
int transaction_undo(Work *work, Problem *problem);
