/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/caller-dict.h"
#include "bus/reply.h"

/* The entries of the dictionary, and the fields that they come from. */
static const struct {
        const char *key, *field;
        bool is_number;
} entries[] = {
                {"Kind", "VFIOD_CALLER_KIND", false},
                {"Uid", "VFIOD_CALLER_UID", true},
                {"Pid", "VFIOD_CALLER_PID", true},
                {"Command", "VFIOD_CALLER_COMMAND", false},
                {"Unit", "VFIOD_CALLER_UNIT", false},
                {"Session", "VFIOD_CALLER_SESSION", false},
                {"Rule", "VFIOD_RULE", false},
};

static int append_entry(sd_bus_message *message, const char *key, bool is_number, const char *value) {
        if (is_number)
                return sd_bus_message_append(message, "{sv}", key, "u", (uint32_t)strtoul(value, NULL, 10));
        _cleanup_free_ char *escaped = text_escape_new(value, TEXT_MESSAGE_ESCAPE);
        return escaped ? sd_bus_message_append(message, "{sv}", key, "s", escaped) : -ENOMEM;
}

int caller_dict_append(sd_bus_message *message, const LogFields *fields) {
        int r = sd_bus_message_open_container(message, 'a', "{sv}");

        for (size_t i = 0; i < ELEMENTSOF(entries) && r >= 0; i++) {
                const char *value = log_fields_find(fields, entries[i].field);

                if (value)
                        r = append_entry(message, entries[i].key, entries[i].is_number, value);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}
