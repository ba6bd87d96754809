/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/publish.h"
#include "bus/rule-edit.h"
#include "bus/rule-interface.h"
#include "bus/rule-rows.h"

/* The interface Rule. userdata of getters is the RuleFile. */

/* Tells whether D-Bus and a person can show the text: it is UTF-8, with line ends and tabs only. */
static bool is_showable(const char *text) {
        const char *found = text_find_escaped(text);

        while (found && strchr("\n\r\t", *found))
                found = text_find_escaped(found + 1);
        return !found;
}

static const char *describe_state(const RuleFile *file) {
        switch (file->state) {
        case RULE_FILE_INVALID:
                return file->fault.message;
        case RULE_FILE_MASKED:
                return "The file is empty, or a link to /dev/null: it masks the rule.";
        case RULE_FILE_DISABLED:
                return "The file says Enabled=no.";
        default:
                return "";
        }
}

BUS_GETTER(property_get_name) {
        const RuleFile *file = userdata;

        return bus_append_name(reply, streq(property, "Name") ? file->name : file->path);
}

BUS_GETTER(property_get_text) {
        const RuleFile *file = userdata;

        if (streq(property, "State"))
                return bus_append_name(reply, rule_file_state_to_string(file->state));
        if (streq(property, "Reason"))
                return bus_append_text(reply, describe_state(file));
        return sd_bus_message_append(reply, "s", file->text && is_showable(file->text) ? file->text : "");
}

BUS_GETTER(property_get_enabled) {
        return sd_bus_message_append(reply, "b", (int)rule_file_is_enabled(userdata));
}

BUS_GETTER(property_get_version) {
        return sd_bus_message_append(reply, "t", ((const RuleFile *)userdata)->version);
}

BUS_GETTER(property_get_line) {
        return sd_bus_message_append(reply, "u", (uint32_t)((const RuleFile *)userdata)->fault.line);
}

/* Settings. */

static int append_text(sd_bus_message *reply, const char *key, const char *value) {
        return value ? sd_bus_message_append(reply, "{sv}", key, "s", value) : 0;
}

static int append_ids(sd_bus_message *reply, const Rule *rule) {
        char vendor[RULE_IDS_MAX], device[RULE_IDS_MAX], subsystem[RULE_IDS_MAX], class[RULE_IDS_MAX];
        int r;

        (void)snprintf(vendor, sizeof(vendor), "%04x", (unsigned)rule->vendor);
        (void)snprintf(device, sizeof(device), "%04x", (unsigned)rule->device);
        if ((r = append_text(reply, "Vendor", rule->vendor >= 0 ? vendor : NULL)) < 0 ||
                        (r = append_text(reply, "Device", rule->device >= 0 ? device : NULL)) < 0)
                return r;
        if (rule->subsystem_vendor >= 0 &&
                        (r = append_text(reply, "Subsystem", rule_format_subsystem(rule, subsystem))) < 0)
                return r;
        return append_text(reply, "Class", rule->class_mask != 0 ? rule_format_class(rule, class) : NULL);
}

/* Opens an entry of a dictionary whose value is a list of strings. */
static int open_list(sd_bus_message *reply, const char *key) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append(reply, "s", key)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'v', "as")) < 0)
                return r;
        return sd_bus_message_open_container(reply, 'a', "s");
}

static int close_list(sd_bus_message *reply) {
        int r = 0;

        for (unsigned depth = 0; depth < 3 && r >= 0; depth++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int append_companions(sd_bus_message *reply, const Rule *rule) {
        int r = open_list(reply, "Companions");

        if (r >= 0 && rule->all_companions)
                r = sd_bus_message_append(reply, "s", "all");
        for (size_t i = 0; i < rule->n_companions && r >= 0; i++)
                r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(rule->companions[i]));
        return r < 0 ? r : close_list(reply);
}

static int append_overrides(sd_bus_message *reply, const Rule *rule) {
        int r = open_list(reply, "Override");

        for (Guard guard = 0; guard < _GUARD_MAX && r >= 0; guard++)
                if (rule->overrides & 1U << guard)
                        r = sd_bus_message_append(reply, "s", guard_to_string(guard));
        return r < 0 ? r : close_list(reply);
}

static int append_settings(sd_bus_message *reply, const Rule *rule) {
        int r;

        if ((r = append_text(reply, "Address", rule->has_address ? PCI_ADDRESS_TEXT(rule->address) : NULL)) < 0 ||
                        (r = append_text(reply, "Path", rule->path)) < 0 || (r = append_ids(reply, rule)) < 0 ||
                        (r = append_text(reply, "Driver", rule->driver)) < 0 ||
                        (r = append_companions(reply, rule)) < 0 || (r = append_overrides(reply, rule)) < 0)
                return r;
        return rule->virtual_functions == 0
                        ? 0
                        : sd_bus_message_append(reply, "{sv}", "VirtualFunctions", "u", rule->virtual_functions);
}

BUS_GETTER(property_get_settings) {
        const RuleFile *file = userdata;
        const Rule *rule = file->rule ?: file->idle;

        int r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0 && rule)
                r = append_settings(reply, rule);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Devices. */

BUS_GETTER(property_get_matched) {
        const RuleCaseList *list = rule_keeper_cases(service_of(bus)->rules);
        const RuleFile *file = userdata;

        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; i < list->n_cases && r >= 0; i++)
                if (streq_ptr(list->cases[i].rule, file->name) && list->cases[i].status != RULE_STATUS_OTHER_CARD)
                        r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(list->cases[i].address));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_matches) {
        const RuleFile *file = userdata;

        int r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})");
        if (r < 0 || (r = rule_rows_append(reply, rule_keeper_cases(service_of(bus)->rules), file->name)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable rule_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("SetEnabled", SD_BUS_ARGS("b", enabled, "a{sv}", options), SD_BUS_NO_RESULT,
                                rule_edit_set_enabled, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Edit", SD_BUS_ARGS("s", text, "a{sv}", options), SD_BUS_NO_RESULT,
                                rule_edit_text, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Remove", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, rule_method_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Name", "s", property_get_name, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("Path", "s", property_get_name, 0, CHANGES),
                SD_BUS_PROPERTY("Enabled", "b", property_get_enabled, 0, CHANGES),
                SD_BUS_PROPERTY("State", "s", property_get_text, 0, CHANGES),
                SD_BUS_PROPERTY("Reason", "s", property_get_text, 0, CHANGES),
                SD_BUS_PROPERTY("Line", "u", property_get_line, 0, CHANGES),
                SD_BUS_PROPERTY("Settings", "a{sv}", property_get_settings, 0, CHANGES),
                SD_BUS_PROPERTY("Text", "s", property_get_text, 0, CHANGES),
                SD_BUS_PROPERTY("VersionId", "t", property_get_version, 0, CHANGES),
                SD_BUS_PROPERTY("MatchedDevices", "as", property_get_matched, 0, CHANGES),
                SD_BUS_PROPERTY("Matches", "a(sssa{sv})", property_get_matches, 0, CHANGES),
                SD_BUS_VTABLE_END,
};
