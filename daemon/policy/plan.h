/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/iommu.h"
#include "policy/guard.h"
#include "policy/obstacle.h"
#include "policy/plan-caller.h"
#include "policy/selector.h"
#include "policy/step.h"

#include <sys/types.h>

/* What a job will do: the devices, and the steps in their order. A plan is made from the model alone; nothing is read
 * from or written to the host. A plan owns all that it contains, so it can outlive the model. */

typedef enum PlanVerb {
        PLAN_DETACH,
        PLAN_REATTACH,
        PLAN_SET_VFS, /* of one PF, see vf-plan.h */
        PLAN_RESET,   /* of one device, which keeps its driver */
        _PLAN_VERB_MAX,
        _PLAN_VERB_INVALID = -EINVAL,
} PlanVerb;

/* "detach", "reattach", "set-virtual-functions", "reset" */
const char *plan_verb_to_string(PlanVerb verb);
PlanVerb plan_verb_from_string(const char *text);

/* The driver of detached devices for which there is no variant driver (kernel/variant.h). */
#define PLAN_VFIO_DRIVER "vfio-pci"

#define PLAN_NO_PARENT (-1)

/* A device that the plan changes. */
typedef struct PlanMember {
        PciAddress address; /* of a member that a step creates: valid after that step */
        PciIds ids;         /* the worker compares them again before the first write */
        int group;          /* IOMMU_GROUP_NONE for none */
        int parent;     /* index of the member by whose step this member vanishes or appears; PLAN_NO_PARENT for none */
        Binding before; /* only the driver, as the model knows it; the worker reads the rest */
        Binding target;
        char *named_driver;   /* the vfio driver that the caller named, owned; NULL: the worker chooses it */
        DeviceOrigin *origin; /* what a reattach restores; NULL for a first detach until the worker sets it */
        bool recorded;        /* vfiod detached it earlier, and its state file is valid */
        bool virtual_function;
        bool appeared;       /* It was plugged in just now: udev may still rename its interface. */
        bool unknown_origin; /* Our early udev rule kept the host driver away, so nobody knows the host driver. */
        bool early;          /* Our early udev rule has set its driver_override. */
        bool created;        /* A step creates it: a new VF. */
        dev_t cdev; /* number of its vfio cdev before the first step; 0 for none. Set by the worker, for the daemon */
} PlanMember;

/* The driver that new VFs get. */
typedef enum VfFate {
        VFS_OF_HOST,    /* the host driver, as the host is configured */
        VFS_DETACHED,   /* vfio-pci; no other driver binds before */
        VFS_DRIVERLESS, /* no driver, also later */
        _VF_FATE_MAX,
} VfFate;

typedef struct Plan {
        PlanVerb verb;
        int group;           /* of the selected device; IOMMU_GROUP_NONE for none */
        PlanMember *members; /* in the order in which they are changed. Of SET_VFS: first the PF, then its VFs. */
        size_t n_members;
        PlanStep *steps;
        size_t n_steps;
        bool incomplete;      /* a step is missing, because there was no memory */
        FindingList findings; /* what the model shows; the worker adds what the host shows */
        char **warnings;      /* sentences, owned: what can go wrong later; they do not refuse anything */
        size_t n_warnings;
        unsigned overrides;        /* mask of 1 << Guard */
        PciAddress selected;       /* for messages: the device that the caller named, or the first of the group */
        unsigned vf_count;         /* of SET_VFS: the new number of VFs */
        VfFate vf_fate;            /* of SET_VFS */
        bool force;                /* of a reattach: do not check whether a process holds the group */
        bool forget;               /* of a reattach: the device is gone, so only its state file is removed */
        bool only_plan;            /* survey and report; change nothing */
        bool inspect;              /* the caller may learn which processes and mounts of other users there are */
        bool by_rule;              /* a rule starts it: our early udev rule may have set driver_override already */
        bool recovery;             /* ends what an earlier transaction left */
        unsigned long transaction; /* of a recovery: the number of that transaction */
        unsigned lease;            /* of the end of a lease: its number; 0 for none */
        uid_t asker; /* who called; 0 for root, rules and recoveries. For the survey of another user, no disk is opened
                      * exclusively. */
        uint64_t fingerprint; /* of the plan that the caller saw; 0 for none */
        uint64_t trial;       /* of a detach with a revert, see DeviceOrigin; 0 for none */
        PlanCaller caller;    /* of a job; of a recovery: who asked for the interrupted job */
} Plan;

/* Formats "group 25", or "all groups" for a survey, into buffer, and returns buffer. */
#define PLAN_GROUP_TEXT_MAX sizeof("group -2147483648")
const char *plan_format_group(const Plan *plan, char buffer[static PLAN_GROUP_TEXT_MAX]);
#define PLAN_GROUP_TEXT(plan) plan_format_group(plan, (char[PLAN_GROUP_TEXT_MAX]){})

/* Returns for whom the messages about the plan are, see usage/holders.h. Everybody reads those about rules
 * (ListRules). */
static inline uid_t plan_reader(const Plan *plan) {
        return plan->by_rule && !plan->only_plan ? READER_ANYBODY : plan->inspect ? 0 : plan->asker;
}

/* Writes why the plan has this step, in words, into buffer, and returns buffer. */
#define PLAN_REASON_MAX (TEXT_ESCAPED_MAX(NAME_MAX) + 64)
const char *plan_step_reason(const Plan *plan, const PlanStep *step, char buffer[static PLAN_REASON_MAX]);

/* Creates a plan with n_members empty elements that the caller can fill; *ret then has n_members 0. A caller that uses
 * plan_add_member() passes 0. Returns 0 or -ENOMEM. */
int plan_new(PlanVerb verb, int group, size_t n_members, Plan **ret);
Plan *plan_free(Plan *plan);
DEFINE_TRIVIAL_CLEANUP_FUNC(Plan *, plan_free)

/* Appends a member with what the model knows of the device; without a device, an empty member that has no group. *ret
 * is valid until the next call. Returns 0 or -ENOMEM. */
int plan_add_member(Plan *plan, const Device *device, PlanMember **ret);

/* Sorts the members for a reattach: PFs before VFs, and low addresses before high ones; for a detach (leaving) in
 * reverse. */
void plan_sort_members(Plan *plan, bool leaving);

/* Sets the vfio driver that a member gets. */
void plan_set_vfio_driver(PlanMember *member, const char *driver);

/* The same for a driver that the caller named, or that of its module. NULL: the worker chooses. Returns 0 or -ENOMEM. */
int plan_name_driver(PlanMember *member, const char *driver);

/* Tells whether the plan binds the member to a vfio driver. */
bool plan_binds_vfio(const Plan *plan, const PlanMember *member);

/* Appends a warning, escaped as a message (base/text.h). Returns 0 or -ENOMEM. */
int plan_add_warning(Plan *plan, const char *format, ...) _printf_(2, 3);

/* Returns the index of the member, or -1. A VF that does not exist yet is not found. */
int plan_find_member(const Plan *plan, PciAddress address);

/* Returns the device of a step for messages: of a VF that does not exist yet, its PF. */
PciAddress plan_step_address(const Plan *plan, const PlanStep *step);

/* Append a step. Return 0; or -ENOMEM, also if an earlier step is missing. So a caller that appends several steps
 * checks only the last result. */
int plan_add_step(Plan *plan, StepKind kind, size_t member);
int plan_add_value_step(Plan *plan, StepKind kind, size_t member, unsigned value);

/* Appends the step for each member that depends, or for each member that does not, see plan_member_depends(). Returns
 * as plan_add_step() does. */
int plan_add_steps(Plan *plan, StepKind kind, bool dependent);

/* Tells whether the member vanishes or appears by a step of another member. */
static inline bool plan_member_depends(const PlanMember *member) {
        return member->parent != PLAN_NO_PARENT;
}

typedef struct DetachOptions {
        const char *const *companions; /* selectors, "*" for all; NULL, or ended by NULL */
        bool whole_group;              /* The caller named the group itself, and so agrees to all of it. */
        unsigned overrides;            /* mask of 1 << Guard */
        const char *driver; /* the vfio driver of the named device, or of all if the caller named the group; NULL: choose */
        bool by_rule;       /* Our own early udev rule put a device that has just appeared on vfio-pci. */
        ObstacleList *obstacles; /* For a plan that is only shown: what does not keep vfiod from making a plan is added here,
                                  * and is no error: GROUP_NEEDS_CONSENT and NOT_VIABLE. NULL: it is an error. */
} DetachOptions;

/* Plans to detach the whole group of the selection. The caller must have agreed to each companion. Returns 0 and the
 * plan; or NO_IOMMU, NO_GROUP, NOT_ENDPOINT, GROUP_NEEDS_CONSENT, NOT_VIABLE, FOREIGN, ALREADY_DETACHED, BUSY, STUCK;
 * INVALID_SELECTOR for a companion that is not in the group, or as selector_resolve() for a companion; or -ENOMEM. */
int plan_detach(const Inventory *inventory, const Selection *selection, const IommuReport *iommu,
                const DetachOptions *options, Plan **ret, Problem *problem);

/* Plans to detach all groups, only to survey which of them the host uses. *ret has the endpoints that are still with the host,
 * and no steps; it may have no members. obstacles gets what keeps vfiod from detaching a group. Returns 0 or -ENOMEM. */
int plan_survey(const Inventory *inventory, ObstacleList *obstacles, Plan **ret);

/* Whether plan_survey() made the plan. */
static inline bool plan_is_survey(const Plan *plan) {
        return plan->verb == PLAN_DETACH && plan->only_plan && plan->group == IOMMU_GROUP_NONE;
}

typedef struct ReattachOptions {
        bool force; /* Unbind also a device that a process holds: the kernel waits until the process closes it. */
        bool adopt; /* Reattach also devices that another tool detached: the kernel chooses a driver. */
} ReattachOptions;

/* Plans to reattach all devices of the group that vfiod detached, and the devices that vanished with them. Returns 0
 * and the plan; or NOT_DETACHED, FOREIGN, BUSY, STUCK, IDENTITY_CHANGED; or -ENOMEM. For an absent device, the plan
 * removes its state file. */
int plan_reattach(const Inventory *inventory, const Selection *selection, const ReattachOptions *options, Plan **ret,
                Problem *problem);

/* Plans to reset one device that vfiod detached. It has a reset that affects no other function. Returns 0 and the plan;
 * or NOT_DETACHED, NO_SUCH_DEVICE for a device that is gone, FOREIGN, IDENTITY_CHANGED, VIRTUAL_FUNCTIONS_IN_USE,
 * NO_RESET, BUSY, STUCK; or -ENOMEM. The worker finds out whether a virtual machine holds the device. */
int plan_reset(const Inventory *inventory, const Device *device, Plan **ret, Problem *problem);

/* Gives the member an origin without a driver: nobody knows which driver the device had, so the kernel chooses one.
 * Returns 0 or -ENOMEM. */
int plan_set_unknown_origin(PlanMember *member);

/* Sets the targets of the members and appends all steps, which follow from the verb, the members and the options.
 * Each member of a reattach must have its origin. Returns 0 or -ENOMEM. */
int plan_add_all_steps(Plan *plan);

/* Plans to clear the driver_override of our early udev rule on a device that no job will detach, so that the kernel
 * binds a driver. Returns 0 or -ENOMEM. */
int plan_release(const Device *device, bool appeared, Plan **ret);

/* Refuses if a job works on the device, or on a member of the group. Returns 0, BUSY or STUCK; or -ENOMEM. */
int plan_refuse_busy_device(const Device *device, Problem *problem);
int plan_refuse_busy_group(const Group *group, Problem *problem);

/* Refuses if the IOMMU is not on. Returns 0 or NO_IOMMU; or -ENOMEM. */
int plan_refuse_without_iommu(const IommuReport *iommu, Problem *problem);
