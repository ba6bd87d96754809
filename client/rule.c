/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule list and remove; rescan; and what detach and reattach do with rules. */
#include "rule.h"
#include "language.h"

#include "own-command.h"
#include "present.h"
#include "rule-check.h"
#include "rule-proxy.h"
#include "strv.h"
#include "terminal.h"

enum {
        COLUMN_NAME,
        COLUMN_STATE,
        COLUMN_DEVICES,
        COLUMN_NOTE,
};

static const Column columns[] = {
                [COLUMN_NAME] = {"NAME", 0},
                [COLUMN_STATE] = {"STATE", 0},
                [COLUMN_DEVICES] = {"DEVICES", 0},
                [COLUMN_NOTE] = {"NOTE", SCOLS_FL_WRAP},
};

static int add_line(const Output *output, struct libscols_table *table, const Rule *rule, const Entry *device) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        _cleanup_free_ char *note = NULL;
        int r;

        if (!line)
                return -ENOMEM;
        if (device)
                note = isempty(device->message) ? strdup(strempty(device->status))
                                : asprintf(&note, "%s: %s", device->status, device->message) < 0 ? NULL
                                                                                                 : note;
        else if (streq_ptr(rule->state, "off"))
                note = rule_fault_text(rule->file, rule->line, strempty(rule->fault));
        else
                note = strdup(streq_ptr(rule->state, "active")
                                                ? _("no matching device, or an earlier rule applies to it")
                                                : strempty(rule->file));
        if (!note)
                return -ENOMEM;
        if (!device || device == rule->devices.items)
                if ((r = cell_set(line, COLUMN_NAME, rule->name)) < 0 ||
                                (r = cell_set_state(output, line, COLUMN_STATE, rule->state)) < 0)
                        return r;
        if (device && (r = cell_set(line, COLUMN_DEVICES, device->address)) < 0)
                return r;
        return cell_set(line, COLUMN_NOTE, note);
}

static int add_rule(const Output *output, struct libscols_table *table, const Rule *rule) {
        int r = 0;

        if (rule->devices.count == 0)
                return add_line(output, table, rule, NULL);
        for (size_t i = 0; i < rule->devices.count && r >= 0; i++)
                r = add_line(output, table, rule, &rule->devices.items[i]);
        return r;
}

json_t *rule_to_json(const Rule *rule) {
        json_t *devices = json_array();

        for (size_t i = 0; devices && i < rule->devices.count; i++) {
                const Entry *device = &rule->devices.items[i];

                devices = json_append(devices,
                                json_pack("{s:o, s:o, s:o, s:b}", "address", json_text(device->address), "status",
                                                json_text(device->status), "message", json_text(device->message),
                                                "changing", device->changing));
        }
        return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "name", json_text(rule->name), "file",
                        json_text(rule->file), "state", json_text(rule->state), "enabled", (int)rule->enabled, "line",
                        rule->line > 0 ? json_integer(rule->line) : json_null(), "fault", json_text(rule->fault),
                        "devices", devices);
}

static int print_rules(Output *output, const RuleList *rules) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        if (output->json) {
                json_t *array = json_array();

                for (size_t i = 0; array && i < rules->count; i++)
                        array = json_append(array, rule_to_json(&rules->items[i]));
                return output_json(output, json_pack("{s:o}", "rules", array));
        }
        r = output_table_new(output, columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; r >= 0 && i < rules->count; i++)
                r = add_rule(output, table, &rules->items[i]);
        return r < 0 ? r : output_table(output, table);
}

ExitCode verb_rule_list(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(rule_list_clear) RuleList rules = {0};
        int r;

        r = proxy_list_rules(invocation->bus, &rules, &error);
        if (r < 0)
                return report_error(r, &error);
        if (rules.count == 0 && !invocation->output.quiet && !invocation->output.json)
                fputs(_("vfioctl: there are no rules\n"), stderr);
        r = print_rules(&invocation->output, &rules);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

/* Tells the user if a rule of the same name in another directory is active now. */
static void tell_successor(const Invocation *invocation) {
        _cleanup_(rule_list_clear) RuleList rules = {0};

        if (invocation->output.quiet || proxy_list_rules(invocation->bus, &rules, NULL) < 0)
                return;
        for (size_t i = 0; i < rules.count; i++)
                if (streq_ptr(rules.items[i].name, invocation->rule))
                        terminal_say(_("vfioctl: the rule of the same name in %s is active now"), rules.items[i].file);
}

ExitCode verb_rule_remove(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Output *output = &invocation->output;
        int r;

        r = proxy_remove_rule(invocation->bus, invocation->rule, &error);
        if (r < 0)
                return report_error(r, &error);
        tell_successor(invocation);
        if (output->json)
                r = output_json(output, json_pack("{s:s}", "removed", invocation->rule));
        else if (!output->quiet)
                fprintf(output->stream,
                                _("Rule %s was removed.\nDevices that it detached stay detached until they are "
                                  "reattached.\n"),
                                invocation->rule);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

ExitCode verb_rescan(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = proxy_rescan(invocation->bus, &error);
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}

/* The rules of detach and reattach. */

/* Gets the address of the first endpoint of the selected group, which the caller frees: a rule names one device, and
 * the others of the group are its companions. Returns 0, -ENODEV for a group without endpoints, or another negative
 * errno. */
static int first_endpoint(sd_bus *bus, const char *selector, char **ret_address, sd_bus_error *error) {
        _cleanup_(device_list_clear) DeviceList members = {0};
        _cleanup_(group_clear) Group group = {0};
        int r;

        if ((r = proxy_get_group(bus, selector, &group, error)) < 0 ||
                        (r = proxy_get_members(bus, &group, &members, error)) < 0)
                return r;
        for (size_t i = 0; i < members.count && !*ret_address; i++)
                if (members.items[i].endpoint)
                        *ret_address = TAKE_PTR(members.items[i].address);
        return *ret_address ? 0 : -ENODEV;
}

/* Asks vfiod to write the rule of a persistent detach, or only to check it. Returns 0, or a negative errno with the
 * error. */
static int persist(Invocation *invocation, bool dry_run, char **ret_file, sd_bus_error *error) {
        bool names_group = startswith(invocation->selector, "group:");
        _cleanup_free_ char *address = NULL, *name = NULL;
        CallOptions options = invocation->options;
        int r;

        options.name = invocation->rule;
        options.dry_run = dry_run;
        /* detach itself checks the guards. So the check needs no authorization to override them. */
        if (dry_run)
                options.overrides = NULL;
        options.whole_group |= names_group;
        if (names_group && (r = first_endpoint(invocation->bus, invocation->selector, &address, error)) < 0)
                return r;
        return proxy_add_rule(
                        invocation->bus, address ? address : invocation->selector, &options, &name, ret_file, error);
}

ExitCode rule_check_persist(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *file = NULL;
        int r;

        r = persist(invocation, true, &file, &error);
        if (r >= 0 || r == -ENODEV) /* detach itself refuses a group without endpoints, with a better message */
                return EXIT_DONE;
        return report_error_with(r, &error, _("vfioctl: nothing was detached, and no rule was written."));
}

ExitCode rule_persist(Invocation *invocation, char **ret_file) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = persist(invocation, false, ret_file, &error);
        if (r >= 0)
                return EXIT_DONE;
        (void)report_error(r, &error);
        terminal_say(_("vfioctl: %s is detached, but only until the next boot: the rule is not written. To write it, "
                       "use "
                       "'vfioctl rule add'."),
                        invocation->selector);
        return EXIT_NO_RULE;
}

/* Gets the addresses of the changed devices that the rule will detach again. */
static int find_changed(const Rule *rule, const EntryList *changes, char ***ret_addresses) {
        int r = 0;

        for (size_t d = 0; d < rule->devices.count; d++)
                for (size_t c = 0; c < changes->count && r >= 0; c++)
                        if (streq_ptr(rule->devices.items[d].address, changes->items[c].address) &&
                                        !streq_ptr(rule->devices.items[d].status, "other-card"))
                                r = strv_push(ret_addresses, changes->items[c].address);
        return r;
}

void rule_tell_next_detach(const Invocation *invocation, const EntryList *changes) {
        _cleanup_(rule_list_clear) RuleList rules = {0};

        if (invocation->output.quiet || changes->count == 0 || proxy_list_rules(invocation->bus, &rules, NULL) < 0)
                return;
        for (size_t i = 0; i < rules.count; i++) {
                _cleanup_(strv_freep) char **addresses = NULL;
                _cleanup_free_ char *list = NULL;

                if (find_changed(&rules.items[i], changes, &addresses) < 0 || !addresses ||
                                !(list = strv_join(addresses, ", ")))
                        continue;
                terminal_say(_("vfioctl: rule %s will detach %s again when the device appears the next time, or when "
                               "vfiod "
                               "starts. To prevent that: vfioctl rule remove %s%s"),
                                rules.items[i].name, list, own_command_dashes(rules.items[i].name),
                                rules.items[i].name);
        }
}
