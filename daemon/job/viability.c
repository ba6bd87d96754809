/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/viability.h"
#include "base/log.h"

/* Of a group that vfiod has in hand: one that it leaves to others, or is at work on, is nobody's loss. */
static bool is_to_be_viable(const Group *group) {
        bool detached = false;

        for (size_t i = 0; i < group->n_members; i++) {
                const Device *member = group->members[i];

                if (member->activity != DEVICE_QUIET)
                        return false;
                detached = detached || device_state(member) == DEVICE_DETACHED;
        }
        return detached;
}

static const Device *find_blocker(const Group *group) {
        for (size_t i = 0; i < group->n_members; i++)
                if (device_blocks_group(group->members[i]))
                        return group->members[i];
        return NULL;
}

static void look_at_group(Group *group) {
        const Device *blocker = is_to_be_viable(group) ? find_blocker(group) : NULL;
        char number[16];

        if (blocker && !group->blocked) {
                (void)snprintf(number, sizeof(number), "%d", group->number);
                log_event(&(LogEvent){.priority = LOG_WARNING,
                                          .message_id = MESSAGE_NOT_VIABLE,
                                          .address = PCI_ADDRESS_TEXT(blocker->address),
                                          .group = number},
                                "Group %s is not viable any more: %s is on %s. Take it as well with 'vfioctl detach "
                                "%s'.",
                                number, PCI_ADDRESS_TEXT(blocker->address), TEXT_NAME(blocker->driver),
                                PCI_ADDRESS_TEXT(blocker->address));
        }
        group->blocked = blocker != NULL;
}

void viability_look(Inventory *inventory) {
        Change change;

        for (size_t i = 0; inventory_peek_change(inventory, i, &change); i++) {
                Group *group = change.kind == CHANGE_GROUP_ADDED || change.kind == CHANGE_GROUP_CHANGED
                                ? inventory_find_group(inventory, change.group)
                                : NULL;
                if (group)
                        look_at_group(group);
        }
}
