/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/availability.h"

static const char *const availability_table[_AVAILABILITY_MAX] = {
                [AVAILABILITY_UNKNOWN] = "unknown",
                [AVAILABILITY_AVAILABLE] = "available",
                [AVAILABILITY_DETACHED] = "detached",
                [AVAILABILITY_PARTIAL] = "partial",
                [AVAILABILITY_LEASED] = "leased",
                [AVAILABILITY_FOREIGN] = "foreign",
                [AVAILABILITY_CHANGING] = "changing",
                [AVAILABILITY_STUCK] = "stuck",
                [AVAILABILITY_ABSENT] = "absent",
                [AVAILABILITY_NOT_VIABLE] = "not-viable",
                [AVAILABILITY_NO_GROUP] = "no-group",
                [AVAILABILITY_HOST_ONLY] = "host-only",
};

const char *availability_to_string(Availability availability) {
        return availability_table[availability];
}

/* vfiod never unbinds a bridge, so a bridge that blocks the group makes it impossible to use. */
GroupFitness group_fitness(const Group *group) {
        GroupFitness fitness = GROUP_FIT;

        if (!group || group->no_iommu)
                return GROUP_WITHOUT_IOMMU;
        for (size_t i = 0; i < group->n_members; i++) {
                if (!device_blocks_group(group->members[i]))
                        continue;
                if (!group->members[i]->endpoint)
                        return GROUP_BLOCKED;
                fitness = GROUP_NOT_YET_FIT;
        }
        return fitness;
}

static Availability availability_of_endpoint(DeviceState state, GroupFitness fitness) {
        if (fitness == GROUP_WITHOUT_IOMMU)
                return AVAILABILITY_NO_GROUP;
        if (state == DEVICE_FOREIGN)
                return AVAILABILITY_FOREIGN;
        if (fitness == GROUP_BLOCKED)
                return AVAILABILITY_NOT_VIABLE;
        if (state == DEVICE_DETACHED)
                return fitness == GROUP_FIT ? AVAILABILITY_DETACHED : AVAILABILITY_PARTIAL;
        return AVAILABILITY_AVAILABLE;
}

Availability device_availability_in(const Device *device, GroupFitness fitness) {
        DeviceState state = device_state(device);

        switch (state) {
        case DEVICE_CHANGING:
                return AVAILABILITY_CHANGING;
        case DEVICE_STUCK:
                return AVAILABILITY_STUCK;
        case DEVICE_ABSENT:
                return AVAILABILITY_ABSENT;
        case DEVICE_LEASED:
                return AVAILABILITY_LEASED;
        default:
                return device->endpoint ? availability_of_endpoint(state, fitness) : AVAILABILITY_HOST_ONLY;
        }
}

Availability device_availability(const Device *device) {
        return device_availability_in(device, group_fitness(device->group));
}

Availability group_availability(const Group *group) {
        /* The first of these that a member has. */
        static const Availability order[] = {AVAILABILITY_STUCK, AVAILABILITY_CHANGING, AVAILABILITY_LEASED,
                        AVAILABILITY_NOT_VIABLE, AVAILABILITY_NO_GROUP, AVAILABILITY_PARTIAL, AVAILABILITY_AVAILABLE,
                        AVAILABILITY_FOREIGN, AVAILABILITY_DETACHED};
        GroupFitness fitness = group_fitness(group);
        unsigned found = 0;

        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint)
                        found |= 1U << device_availability_in(group->members[i], fitness);
        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (found & 1U << order[i])
                        return order[i];
        return AVAILABILITY_HOST_ONLY;
}
