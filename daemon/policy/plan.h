/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/iommu.h"
#include "policy/guard.h"
#include "policy/selector.h"
#include "policy/step.h"

/* What a change is going to do, decided over the model alone: nothing is read from or written to the host. A plan owns all
 * that it names, so it outlives the model that it was made from. */

typedef enum PlanVerb {
        PLAN_DETACH,
        PLAN_REATTACH,
        PLAN_SET_VFS, /* of one PF, see vf-plan.h */
        _PLAN_VERB_MAX,
        _PLAN_VERB_INVALID = -EINVAL,
} PlanVerb;

/* "detach", "reattach", "set-virtual-functions" */
const char *plan_verb_to_string(PlanVerb verb);
PlanVerb plan_verb_from_string(const char *text);

/* The driver that detached devices get. */
#define PLAN_VFIO_DRIVER "vfio-pci"

#define PLAN_NO_PARENT (-1)

/* A device that the plan changes. */
typedef struct PlanMember {
        PciAddress address; /* of a member that a step creates: known once that step is done */
        PciIds ids;         /* checked again before the first write */
        int group;          /* IOMMU_GROUP_NONE for none */
        int parent;     /* index of the member by whose step this one vanishes or appears; PLAN_NO_PARENT for none */
        Binding before; /* its driver as the model knows it; the worker reads the rest */
        Binding target;
        DeviceOrigin *origin; /* what a reattach restores. NULL for a device that a detach takes for the first time: the worker
                               * fills it. */
        HostName *names; /* that it has now */
        bool recorded;   /* vfiod detached it earlier, and its state file is right */
        bool virtual_function;
        bool appeared; /* It was plugged in just now: udev may still rename its interface. */
        bool unknown_origin; /* Our early udev rule kept the host's driver from it: nobody knows which driver that would be. */
        bool early;          /* Our early udev rule has set its driver_override. */
        bool created;        /* A step creates it: a new VF. */
} PlanMember;

/* What becomes of new VFs. */
typedef enum VfFate {
        VFS_OF_HOST,    /* The host binds them as it is configured. */
        VFS_DETACHED,   /* They get vfio-pci, and no other driver before. */
        VFS_DRIVERLESS, /* They get no driver, also later. */
        _VF_FATE_MAX,
} VfFate;

typedef struct Plan {
        PlanVerb verb;
        int group;           /* of the selected device; IOMMU_GROUP_NONE for none */
        PlanMember *members; /* in the order in which they are changed. Of SET_VFS: first the PF, then its VFs. */
        size_t n_members;
        PlanStep *steps;
        size_t n_steps, n_steps_allocated;
        FindingList findings; /* what the model alone tells; the worker adds what the host tells */
        unsigned overrides;   /* mask of 1 << Guard */
        PciAddress selected;  /* for messages: the device that the caller named, or the first of the group */
        unsigned vf_count;    /* of SET_VFS: so many shall exist */
        VfFate vf_fate;
        bool force;                /* of a reattach: does not ask whether a process holds the group */
        bool only_plan;            /* surveys and reports, and changes nothing */
        bool by_rule;              /* A rule starts it: our early udev rule may have set driver_override already. */
        bool recovery;             /* ends what an earlier transaction left */
        unsigned long transaction; /* of a recovery: the number of that transaction */
        uid_t asker; /* of a survey: the user who asked, whose quota it counts for. For others than root no disk is opened
                      * exclusively. */
        uint64_t fingerprint; /* of the plan that the caller saw; 0 for none */
} Plan;

/* Why a step is in the plan, in words, into buffer, which is returned. */
#define PLAN_REASON_MAX (TEXT_ESCAPED_MAX(NAME_MAX) + 64)
const char *plan_step_reason(const Plan *plan, const PlanStep *step, char buffer[static PLAN_REASON_MAX]);

/* Makes a plan with room for so many members. Returns 0 or -ENOMEM. */
int plan_new(PlanVerb verb, int group, size_t n_members, Plan **ret);

/* Adds a member, copied from the model. There must be room. Returns 0 or -ENOMEM. */
int plan_add_member(Plan *plan, const Device *device);

/* The index of the member, or -1. */
int plan_find_member(const Plan *plan, PciAddress address);

/* The device that a step is about, for messages: of a VF that does not exist yet its PF. */
PciAddress plan_step_address(const Plan *plan, const PlanStep *step);

/* Adds a step. Returns 0 or -ENOMEM. */
int plan_add_step(Plan *plan, StepKind kind, size_t member);
int plan_add_value_step(Plan *plan, StepKind kind, size_t member, unsigned value);

/* Whether the member vanishes or appears by a step of another one. */
static inline bool plan_member_depends(const PlanMember *member) {
        return member->parent != PLAN_NO_PARENT;
}

Plan *plan_free(Plan *plan);
DEFINE_TRIVIAL_CLEANUP_FUNC(Plan *, plan_free)

typedef struct DetachOptions {
        const char *const *companions; /* selectors, "*" for all; NULL, or ended by NULL */
        bool whole_group;              /* The caller named the group itself: that is consent to all of it. */
        unsigned overrides;            /* mask of 1 << Guard */
        bool by_rule; /* A device that appeared just now and is on vfio-pci is there by our own early udev rule. */
} DetachOptions;

/* Plans to take the whole group of the selection from the host. Returns 0 and the plan; or NO_IOMMU, NO_GROUP, NOT_ENDPOINT,
 * GROUP_NEEDS_CONSENT, NOT_VIABLE, FOREIGN, ALREADY_DETACHED, BUSY, STUCK, or the outcome of a companion's selector; or -ENOMEM. */
int plan_detach(const Inventory *inventory, const Selection *selection, const IommuReport *iommu,
                const DetachOptions *options, Plan **ret, Problem *problem);

typedef struct ReattachOptions {
        bool force; /* Unbind also what a process holds: the kernel waits until that process lets go. */
        bool adopt; /* Also what vfiod did not detach: the kernel chooses a driver for it. */
} ReattachOptions;

/* Plans to give the host all devices of the group that vfiod detached, and those that vanished with one of them. Returns 0 and
 * the plan; or NOT_DETACHED, FOREIGN, BUSY, STUCK, IDENTITY_CHANGED, NO_SUCH_DEVICE for one that is absent; or -ENOMEM. */
int plan_reattach(const Inventory *inventory, const Selection *selection, const ReattachOptions *options, Plan **ret,
                Problem *problem);

/* Adds the steps of a reattach for the members, whose targets are set. Returns 0 or -ENOMEM. */
int plan_add_reattach_steps(Plan *plan);

/* Plans to remove our early driver_override from a device that no job will detach, so that the kernel finds a driver for it.
 * Returns 0 or -ENOMEM. */
int plan_release(const Device *device, bool appeared, Plan **ret);

/* Refuses if a job works on the device or group. Returns 0, BUSY or STUCK. */
int plan_refuse_busy_device(const Device *device, Problem *problem);
int plan_refuse_busy_group(const Group *group, Problem *problem);
