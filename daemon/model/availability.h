/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/group.h"

/* Whether a device can be given to a virtual machine, as far as the model knows. Guards are not asked: what uses the device
 * can change without an event, so only a plan tells that. */

typedef enum Availability {
        AVAILABILITY_UNKNOWN,    /* of a device that clients have not seen yet */
        AVAILABILITY_AVAILABLE,  /* with the host; a detach is possible */
        AVAILABILITY_DETACHED,   /* a virtual machine can use it now */
        AVAILABILITY_PARTIAL,    /* vfiod detached it, but not all of its group */
        AVAILABILITY_LEASED,     /* a user has a lease of it */
        AVAILABILITY_FOREIGN,    /* another program bound it to a vfio driver */
        AVAILABILITY_CHANGING,   /* a job works on it */
        AVAILABILITY_STUCK,      /* a step of a job does not return from the kernel */
        AVAILABILITY_ABSENT,     /* detached, and gone from its slot */
        AVAILABILITY_NOT_VIABLE, /* a bridge of the group does DMA for the host */
        AVAILABILITY_NO_GROUP,   /* no IOMMU handles it */
        AVAILABILITY_HOST_ONLY,  /* a bridge, or another function that no virtual machine can use */
        _AVAILABILITY_MAX,
} Availability;

/* Returns the name on the bus, for example "not-viable", a static string. */
const char *availability_to_string(Availability availability);

/* Derives the availability from the device and the other members of its group. */
Availability device_availability(const Device *device);

/* What the members of a group mean for each other. */
typedef enum GroupFitness {
        GROUP_FIT,           /* viable */
        GROUP_NOT_YET_FIT,   /* An endpoint is on a host driver. */
        GROUP_BLOCKED,       /* A bridge does DMA for the host. */
        GROUP_WITHOUT_IOMMU, /* there is no group, or vfio made it in its no-IOMMU mode */
} GroupFitness;

/* Looks at all members. NULL means no group. */
GroupFitness group_fitness(const Group *group);

/* Derives the availability of a whole group: what stands most against its use. HOST_ONLY for a group without endpoints. */
Availability group_availability(const Group *group);

/* The same as device_availability() for callers that ask for many members of one group. */
Availability device_availability_in(const Device *device, GroupFitness fitness);
