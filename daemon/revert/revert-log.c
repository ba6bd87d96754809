/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "revert/revert-internal.h"

/* The journal entries about reverts. */

/* An entry has at most LOG_FIELDS_MAX fields. */
#define DEVICES_MAX 256

static LogFields make_fields(const Revert *revert, const char *verb, const char *reason) {
        LogFields fields = {};

        log_fields_add_all(&fields, &revert->fields);
        log_fields_add(&fields, "VFIOD_CALLER", "%s", revert->caller);
        log_fields_add(&fields, "VFIOD_VERB", "%s", verb);
        if (revert->group != IOMMU_GROUP_NONE)
                log_fields_add(&fields, "VFIOD_GROUP", "%d", revert->group);
        for (size_t i = 0; i < revert->n_addresses && i < DEVICES_MAX; i++)
                log_fields_add(&fields, "VFIOD_DEVICE", "%s", PCI_ADDRESS_TEXT(revert->addresses[i]));
        log_fields_add(&fields, "VFIOD_RESULT", "done");
        log_fields_add(&fields, "VFIOD_REASON", "%s", reason);
        return fields;
}

static uint64_t seconds_left(const Revert *revert) {
        uint64_t now = clock_us(CLOCK_BOOTTIME);

        return revert->at_us > now ? (revert->at_us - now + 500000) / 1000000 : 0;
}

void revert_log_set(const Revert *revert) {
        _cleanup_log_fields_ LogFields fields = make_fields(revert, "revert-set", "");

        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = MESSAGE_REVERT_SET, .fields = &fields},
                        "Group %d goes back to the host in %llu s, unless somebody confirms the detach", revert->group,
                        (unsigned long long)seconds_left(revert));
}

void revert_log_due(const Revert *revert) {
        _cleanup_log_fields_ LogFields fields = make_fields(revert, "revert", "nobody confirmed the detach in time");

        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = MESSAGE_REVERT_DUE, .fields = &fields},
                        "Nobody confirmed the detach of group %d in time: vfiod reattaches its devices", revert->group);
}

void revert_log_obstacle(const Revert *revert) {
        const char *reason = strempty(revert->obstacle.message);
        _cleanup_log_fields_ LogFields fields = make_fields(revert, "revert-waits", reason);

        log_event(&(LogEvent){.priority = LOG_WARNING, .message_id = MESSAGE_REVERT_WAITS, .fields = &fields},
                        "Group %d cannot go back to the host now. vfiod tries it again. Reason: %s", revert->group,
                        reason);
}

void revert_log_confirmed(const Revert *revert) {
        _cleanup_log_fields_ LogFields fields = make_fields(revert, "confirm", "");

        log_event(&(LogEvent){.priority = LOG_NOTICE, .message_id = MESSAGE_REVERT_CONFIRMED, .fields = &fields},
                        "The detach of group %d is confirmed: its devices stay detached", revert->group);
}
