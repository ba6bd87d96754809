/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "kernel/host-names.h"
#include "policy/plan.h"
#include "usage/disk-claim.h"

typedef struct EngineCallbacks {
        /* Called before each step with its index. holder names the process that an unbind waits for, NULL for none.
         * NULL if nobody needs the progress. */
        void (*progress)(size_t step, const char *holder, void *userdata);
        /* Asked before each step whether to undo the work. last: it will not be asked again. NULL for work that cannot
         * be cancelled. */
        bool (*is_cancelled)(bool last, void *userdata);
        void *userdata;
} EngineCallbacks;

/* What a worker needs to apply a plan, or to end a transaction that another worker left. */
typedef struct Transaction {
        const Kernel *kernel;
        int devices_fd, transactions_fd; /* of the state folder */
        unsigned long number;            /* of the file in transactions/ */
        Plan *plan;                      /* the worker adds the values that it reads */
        EngineCallbacks callbacks;
        uint64_t survey_us;               /* the deadline of the survey; 0 for SURVEY_US (survey.h) */
        void (*recorded)(void *userdata); /* Called once when the file is on disk, where the next daemon finds it. */
} Transaction;

/* A group whose node the worker holds, so that no virtual machine can take it. */
typedef struct HeldGroup {
        int group;
        int fd; /* -EBADF for a group without a node */
} HeldGroup;

/* What a worker holds while it works on a transaction. The folders of the devices are open, so that a write reaches
 * this card or none. */
typedef struct Work {
        const Transaction *transaction;
        const Kernel *kernel; /* of the transaction */
        Plan *plan;           /* of the transaction */
        int *fds;             /* the folder of each member; -EBADF for a member that is not there */
        HeldGroup *groups;
        size_t n_groups;
        DiskClaims claims;
        bool makes_mediated; /* The survey has found a driver that can make mediated devices. */
        bool has_names;      /* The survey has read the names of all members, and knows no change of them. */
        HostIndex names;     /* these names */
} Work;

/* Prepares the work, and opens nothing. Returns 0 or -ENOMEM. work_done() releases what the work holds, also after a
 * failure. */
int work_init(Work *work, const Transaction *transaction);
void work_done(Work *work);

/* Opens all members that exist before the first step, checks that each is the right card in the right group, and reads
 * how it is bound. Returns 0, NO_SUCH_DEVICE, IDENTITY_CHANGED, FOREIGN or FAILED. */
int work_open(Work *work, Problem *problem);

/* Opens the members for a recovery. It is no failure if a slot is empty or has another card. */
void work_open_for_recovery(Work *work);

/* Opens a member, also again after it came back. Returns 0; -ENOENT or -ENODEV if it is not there; -EXDEV if another
 * card is in its slot, or a card of the same type with another PF or controller; or another negative errno. */
int work_open_member(Work *work, size_t i);

/* Reads how the member is bound now. Returns 0; -ENOENT or -ENODEV for a card that is gone; or another negative
 * errno. */
int work_read_binding(const Work *work, size_t i, Binding *ret);

/* The same without the power settings, which stay empty. */
int work_read_drivers(const Work *work, size_t i, Binding *ret);

/* Sets the message "WHAT ADDRESS: ERROR" if r is a negative errno. Returns 0 if it is not, else FAILED or -ENOMEM. */
int work_check(const Work *work, size_t i, int r, const char *what, Problem *problem);

/* The same for a read below the member's folder, which also fails if the card is gone. */
int work_check_read(const Work *work, size_t i, int r, Problem *problem);

/* Whether the card has left its slot since it was opened. Another card may be in the slot now. */
bool work_is_gone(const Work *work, size_t i);

/* Whether the member is bound as it was before the plan. */
bool work_is_restored(const Work *work, size_t i);

/* Whether the plan changes the member's driver. */
bool work_needs_move(const Work *work, size_t i);

/* Reads what a step of kind SET_AUTOPROBE or SET_VFS changes. Returns 0; -ENOENT if the kernel has no such setting,
 * *ret is its default then; or another negative errno. */
int work_read_value(const Work *work, const PlanStep *step, unsigned *ret);

/* Returns the last step before this one that has the same kind and member, or NULL. */
const PlanStep *work_find_earlier_step(const Work *work, size_t step);

/* Makes sure that each member is bound as it was when it was opened. Returns 0 or FAILED. */
int work_verify_unmoved(const Work *work, Problem *problem);

/* Makes sure that everything that vanishes with a member is a member: the model may not know yet that VFs were created,
 * or that a disk appeared behind a controller. Returns 0 or FAILED; or -ENOMEM. */
int work_verify_complete(const Work *work, Problem *problem);

/* A device and the group that it is in. */
typedef struct GroupDevice {
        PciAddress address;
        int group;
} GroupDevice;

/* Keeps virtual machines from the groups of these devices until work_release_groups(). Returns 0, also for a group
 * without a node; HELD with the process that has a group or one of its devices; FAILED; or -ENOMEM. After a failure the
 * work may hold some of the groups. */
int work_hold_groups(Work *work, const GroupDevice *devices, size_t n_devices, Problem *problem);

/* The same for the members that leave a vfio driver. */
int work_hold_members(Work *work, bool (*leaves)(const Work *work, size_t i), Problem *problem);

bool work_holds_group(const Work *work, int group);
void work_release_groups(Work *work);
