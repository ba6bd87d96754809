/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/viability.h"
#include "base/log.h"

/* Finds a member that blocks a group with detached devices. Returns NULL also while a job works on a member. */
static const Device *find_blocker(const Group *group) {
        const Device *blocker = NULL;
        bool detached = false;

        for (size_t i = 0; i < group->n_members; i++) {
                const Device *member = group->members[i];

                if (member->activity != DEVICE_QUIET)
                        return NULL;
                detached = detached || device_state(member) == DEVICE_DETACHED;
                if (!blocker && device_blocks_group(member))
                        blocker = member;
        }
        return detached ? blocker : NULL;
}

static void log_blocker(const Group *group, const Device *blocker) {
        const char *address = PCI_ADDRESS_TEXT(blocker->address);
        _cleanup_log_fields_ LogFields fields = {};

        log_fields_add(&fields, "VFIOD_DEVICE", "%s", address);
        log_fields_add(&fields, "VFIOD_GROUP", "%d", group->number);
        log_event(&(LogEvent){.priority = LOG_WARNING, .message_id = MESSAGE_NOT_VIABLE, .fields = &fields},
                        "Group %d is not viable any more: %s is on %s. To detach it, too, run 'vfioctl detach %s'.",
                        group->number, address, TEXT_NAME(blocker->driver), address);
}

void viability_check(Inventory *inventory) {
        Change change;

        for (size_t i = 0; inventory_peek_change(inventory, i, &change); i++) {
                bool exists = change.kind == CHANGE_GROUP_ADDED || change.kind == CHANGE_GROUP_CHANGED;
                Group *group = exists ? inventory_find_group(inventory, change.group) : NULL;
                if (!group)
                        continue;
                const Device *blocker = find_blocker(group);
                if (blocker && !group->blocked)
                        log_blocker(group, blocker);
                group->blocked = blocker != NULL;
        }
}
