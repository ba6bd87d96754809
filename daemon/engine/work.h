/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "policy/plan.h"
#include "usage/disk-claim.h"

/* A plan in the hands of the worker that carries it out: the devices' folders, which it holds open, so that a write reaches this
 * card or none; and what it keeps from others meanwhile. */

/* A group whose node the worker holds, so that no virtual machine can take it. */
typedef struct HeldGroup {
        int group;
        int fd; /* -EBADF for a group without a node */
} HeldGroup;

typedef struct Work {
        const Kernel *kernel;
        int devices_fd; /* devices/ of the state folder */
        Plan *plan;
        int *fds; /* of each member its folder; -EBADF for a member that is not there */
        HeldGroup *groups;
        size_t n_groups;
        DiskClaims claims;
} Work;

/* Prepares the work for a plan; nothing is opened yet. Returns 0 or -ENOMEM. work_done() releases what the work holds, also
 * after a failure. */
int work_init(Work *work, const Kernel *kernel, int devices_fd, Plan *plan);
void work_done(Work *work);

/* Opens all members that are there before the first step, checks that each is the card that is meant, in its group, and reads
 * how it is bound. Returns 0; NO_SUCH_DEVICE; IDENTITY_CHANGED; FOREIGN; FAILED. */
int work_open(Work *work, Problem *problem);

/* Opens the members that are there for a recovery: another card, or none, in the slot of a member is no failure. */
void work_open_for_recovery(Work *work);

/* Opens a member, or opens it again after it came back. Returns 0; -ENOENT or -ENODEV if it is not there; -EXDEV if another
 * card is; another negative errno. */
int work_open_member(Work *work, size_t i);
void work_close_member(Work *work, size_t i);

/* How the member is bound now. Returns 0; -ENOENT or -ENODEV for a card that is gone; another negative errno. */
int work_read_binding(const Work *work, size_t i, Binding *ret);

/* Whether the card has left its slot since it was opened, also where another card is in the slot now. */
bool work_is_gone(const Work *work, size_t i);

/* Whether the member is bound as it was before the plan. */
bool work_is_restored(const Work *work, size_t i);

/* Whether the plan changes the member's driver. */
bool work_needs_move(const Work *work, size_t i);

/* Makes sure that each member is bound as it was when it was opened. Returns 0 or FAILED. */
int work_verify_unmoved(const Work *work, Problem *problem);

/* A device and the group that it is in. */
typedef struct GroupDevice {
        PciAddress address;
        int group;
} GroupDevice;

/* Keeps virtual machines from the groups of these devices until work_release_groups(). Returns 0, also for a group without a
 * node; HELD with the process that has a group or a device of one; FAILED; or -ENOMEM. After a failure some groups may be held. */
int work_hold_groups(Work *work, const GroupDevice *devices, size_t n_devices, Problem *problem);
bool work_holds_group(const Work *work, int group);
void work_release_groups(Work *work);
