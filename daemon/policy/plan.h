/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/iommu.h"
#include "policy/guard.h"
#include "policy/selector.h"

/* What Detach and Reattach are going to do, decided over the model alone: nothing is read or written here. A plan owns
 * all that it names, so it outlives the model that it was made from. */

typedef enum PlanVerb {
        PLAN_DETACH,
        PLAN_REATTACH,
        PLAN_SET_FUNCTIONS, /* of one device, not of a group: function-plan.h */
        _PLAN_VERB_MAX,
        _PLAN_VERB_INVALID = -EINVAL,
} PlanVerb;

/* "detach", "reattach", "set-virtual-functions" */
const char *plan_verb_to_string(PlanVerb verb);
PlanVerb plan_verb_from_string(const char *text);

/* The driver that detached devices get. */
#define PLAN_VFIO_DRIVER "vfio-pci"

/* A device that is to be moved. */
typedef struct PlanMember {
        PciAddress address;
        PciIds ids; /* who it is: checked again before the first write */
        DeviceOrigin *origin; /* what it gets back. Of a detach only where an earlier one recorded it: else the worker finds out */
        HostName *names; /* that it has now */
        bool virtual_function;
        bool newcomer;   /* it was plugged in just now: its driver may yet come, and its interface be renamed */
        bool recorded;   /* an earlier job has taken it, and its record says what it gets back */
        bool unfinished; /* and that it is to be given back at the next start */
        char driver[DRIVER_NAME_MAX]; /* that it has now, as far as the model knows; "" for none */
} PlanMember;

typedef enum StepKind {
        STEP_LOCK_NODE,   /* of the group: refused while a VM has it */
        STEP_LOAD_DRIVER, /* that the member is to get */
        STEP_OVERRIDE,    /* names the driver that alone may bind */
        STEP_UNBIND,
        STEP_RESTORE_LINK, /* MAC and VLAN of a virtual function, before its driver looks */
        STEP_PROBE,
        STEP_RESTORE_POWER, /* settings that vfio-pci changed */
        STEP_WAIT_NODE,     /* of the group */
        STEP_SET_AUTOPROBE, /* whether new virtual functions get a driver of the host by themselves */
        STEP_REMOVE_FUNCTIONS,
        STEP_CREATE_FUNCTIONS,
        STEP_DETACH_FUNCTION, /* one of the new ones */
        STEP_RESTORE_AUTOPROBE,
        _STEP_KIND_MAX,
} StepKind;

/* "unbind" and so on */
const char *step_kind_to_string(StepKind kind);

typedef struct PlanStep {
        StepKind kind;
        size_t member; /* index; of no meaning for steps of the group */
} PlanStep;

/* What becomes of new virtual functions. */
typedef enum FunctionFate {
        FUNCTIONS_OF_HOST,    /* what the host does with them */
        FUNCTIONS_DETACHED,   /* they go to vfio-pci, and never see another driver */
        FUNCTIONS_DRIVERLESS, /* they get no driver, also later */
} FunctionFate;

/* Of a PLAN_SET_FUNCTIONS: its first member is the physical function, the others are the virtual ones that go. */
typedef struct FunctionTarget {
        unsigned count;
        FunctionFate fate;
        bool recovery; /* back to what the record says */
} FunctionTarget;

typedef struct Plan {
        PlanVerb verb;
        int group;
        PlanMember *members; /* in the order in which they are moved */
        size_t n_members;
        PlanStep *steps;
        size_t n_steps, n_steps_allocated;
        FindingList findings; /* what the model alone tells; the worker adds what the host says */
        unsigned overrides;   /* mask of 1 << Guard */
        PciAddress selected;  /* for messages: what the caller named, or the first of the group */
        FunctionTarget functions;
        bool force;     /* of a reattach: does not ask whether the group is held */
        bool only_plan; /* looks and reports, but does nothing */
        uid_t asker; /* of one that is only_plan: the user who asked, whose quota it counts for. Where that is not root, no
                        disk is opened exclusively */
        bool by_rule; /* nobody called: udev may have set the override early, and that is none of an administrator's */
        uint64_t fingerprint; /* of the plan that the caller saw; 0 for none */
} Plan;

/* Why a step is there, in words, into buffer, which is returned. */
#define PLAN_REASON_MAX (TEXT_ESCAPED_MAX(NAME_MAX) + 64)
const char *plan_step_reason(const Plan *plan, const PlanStep *step, char buffer[static PLAN_REASON_MAX]);

/* For who makes a plan: one with room for so many members, which are copied from the model. Return 0 or -ENOMEM. */
int plan_new(PlanVerb verb, int group, size_t n_members, Plan **ret);
int plan_add_member(Plan *plan, const Device *device);
int plan_add_step(Plan *plan, StepKind kind, size_t member);

Plan *plan_free(Plan *plan);
DEFINE_TRIVIAL_CLEANUP_FUNC(Plan *, plan_free)

typedef struct DetachOptions {
        const char *const *companions; /* selectors, "*" for all; NULL or ended by NULL */
        bool whole_group;              /* the group itself was named: that is consent */
        unsigned overrides;            /* mask of 1 << Guard */
        bool by_rule;                  /* what appeared just now and is on vfio-pci is there by our own rule for udev */
} DetachOptions;

/* Plans to take the whole group of the selection from the host. Returns 0 and the plan; or NO_IOMMU, NO_GROUP, NOT_ENDPOINT,
 * GROUP_NEEDS_CONSENT, NOT_VIABLE, FOREIGN, ALREADY_DETACHED, BUSY, STUCK, or what a companion's selector comes to; or -ENOMEM. */
int plan_detach(const Inventory *inventory, const Selection *selection, const IommuReport *iommu,
                const DetachOptions *options, Plan **ret, Problem *problem);

typedef struct ReattachOptions {
        bool force; /* unbind also what a process holds: the kernel waits until it lets go */
        bool adopt; /* also what vfiod did not detach: the kernel finds a driver for it */
} ReattachOptions;

/* Plans to give back all of the group that vfiod detached. Returns 0 and the plan; or NOT_DETACHED, FOREIGN, BUSY, STUCK, IDENTITY_CHANGED,
 * NO_SUCH_DEVICE for one that is absent; or -ENOMEM. */
int plan_reattach(const Selection *selection, const ReattachOptions *options, Plan **ret, Problem *problem);

/* Plans to give back these devices, whatever the model says of them: after a crash. The members are taken over. Returns 0 or
 * -ENOMEM. */
int plan_restore(int group, PlanMember *members, size_t n_members, Plan **ret);

void plan_member_done(PlanMember *member);
