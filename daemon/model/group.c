/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/group.h"

static const char *const state_table[_GROUP_STATE_MAX] = {
                [GROUP_HOST] = "host",
                [GROUP_PARTIAL] = "partial",
                [GROUP_DETACHED] = "detached",
                [GROUP_LEASED] = "leased",
                [GROUP_FOREIGN] = "foreign",
                [GROUP_CHANGING] = "changing",
                [GROUP_STUCK] = "stuck",
};

const char *group_state_to_string(GroupState state) {
        return state_table[state];
}

Group *group_make_room(Group *group) {
        size_t n = group->n_members;

        if ((n & (n - 1)) != 0)
                return group;
        Group *grown = realloc(group, sizeof(Group) + (n > 0 ? 2 * n : 1) * sizeof(Device *));
        for (size_t i = 0; grown && i < n; i++)
                grown->members[i]->group = grown;
        return grown;
}

GroupState group_state(const Group *group) {
        size_t n[_DEVICE_STATE_MAX] = {};

        for (size_t i = 0; i < group->n_members; i++)
                n[device_state(group->members[i])]++;

        if (n[DEVICE_STUCK] > 0)
                return GROUP_STUCK;
        if (n[DEVICE_CHANGING] > 0)
                return GROUP_CHANGING;
        if (n[DEVICE_DETACHED] + n[DEVICE_LEASED] + n[DEVICE_FOREIGN] == 0)
                return GROUP_HOST;
        if (!group_is_viable(group))
                return GROUP_PARTIAL;
        if (n[DEVICE_LEASED] > 0)
                return GROUP_LEASED;
        return n[DEVICE_DETACHED] > 0 ? GROUP_DETACHED : GROUP_FOREIGN;
}

bool group_is_viable(const Group *group) {
        for (size_t i = 0; i < group->n_members; i++)
                if (device_blocks_group(group->members[i]))
                        return false;
        return !group->no_iommu;
}

bool group_has_node(const Group *group) {
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->group_node)
                        return true;
        return false;
}

size_t group_count_endpoints(const Group *group) {
        size_t n = 0;

        for (size_t i = 0; i < group->n_members; i++)
                n += group->members[i]->endpoint;
        return n;
}
