/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import driverctl: rules instead of the overrides of driverctl. */
#include "consent.h"
#include "driverctl.h"
#include "language.h"
#include "present.h"
#include "proxy.h"
#include "rule-proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

#include "daemon/base/util.h"

/* A rule to write, for one entry. */
typedef struct NewRule {
        const DriverctlEntry *entry; /* borrowed */
        char **companions;           /* the others of the group that driverctl gives to vfio, too */
        char *name, *file;           /* as vfiod will call it; NULL if it is not written */
        char *reason;                /* why not; NULL if it is */
} NewRule;

typedef struct NewRuleList {
        NewRule *rules;
        size_t n_rules;
} NewRuleList;

static void new_rules_clear(NewRuleList *list) {
        for (size_t i = 0; i < list->n_rules; i++) {
                strv_free(list->rules[i].companions);
                free(list->rules[i].name);
                free(list->rules[i].file);
                free(list->rules[i].reason);
        }
        free(list->rules);
}

static int skip(NewRule *rule, const char *format, ...) _printf_(2, 3);
static int skip(NewRule *rule, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&rule->reason, format, arguments) < 0)
                rule->reason = NULL;
        va_end(arguments);
        return rule->reason ? 0 : -ENOMEM;
}

static bool is_listed(const DriverctlList *list, const char *address) {
        for (size_t i = 0; i < list->n_entries; i++)
                if (streq_ptr(list->entries[i].address, address))
                        return true;
        return false;
}

/* Finds the companions. A group of which driverctl gives only a part to vfio cannot be used by a virtual machine, and the rule would be
 * refused. */
static int find_companions(sd_bus *bus, const DriverctlList *list, const Device *device, NewRule *rule) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList members = {0};
        _cleanup_(group_clear) Group group = {0};
        int r;

        if (device->group < 0)
                return skip(rule, _("it has no IOMMU group"));
        if ((r = proxy_get_group(bus, device->address, &group, &error)) < 0 ||
                        (r = proxy_get_members(bus, &group, &members, &error)) < 0)
                return r == -ENOMEM ? r : skip(rule, "%s", strempty(error.message));
        for (size_t i = 0; i < members.count; i++) {
                const Device *member = &members.items[i];

                if (!member->endpoint || streq_ptr(member->address, device->address))
                        continue;
                if (!is_listed(list, member->address))
                        return skip(rule,
                                        _("%s shares its group, and driverctl does not give that to vfio. If both may "
                                          "be "
                                          "detached: vfioctl rule add %s --companion %s"),
                                        member->address, device->address, member->address);
                if ((r = strv_push(&rule->companions, member->address)) < 0)
                        return r;
        }
        return 0;
}

/* Asks vfiod to write the rule, or only to check it. */
static int add_rule(sd_bus *bus, NewRule *rule, bool dry_run) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *name = NULL, *file = NULL;
        const CallOptions options = {
                        .companions = rule->companions,
                        .driver = rule->entry->driver,
                        .dry_run = dry_run,
        };

        int r = proxy_add_rule(bus, rule->entry->address, &options, &name, &file, &error);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return skip(rule, "%s", isempty(error.message) ? strerror(-r) : error.message);
        free(rule->name);
        free(rule->file);
        rule->name = TAKE_PTR(name);
        rule->file = TAKE_PTR(file);
        return 0;
}

/* Examines an entry. Nothing is changed. */
static int examine(sd_bus *bus, const DriverctlList *list, const DriverctlEntry *entry, NewRule *rule) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_clear) Device device = {0};
        int r;

        rule->entry = entry;
        if (entry->reason)
                return skip(rule, "%s", entry->reason);
        r = proxy_get_device(bus, entry->address, &device, &error);
        if (r < 0)
                return r == -ENOMEM ? r : skip(rule, "%s", isempty(error.message) ? strerror(-r) : error.message);
        if (!isempty(device.rule))
                return skip(rule, _("the rule %s matches it already"), device.rule);
        if ((r = find_companions(bus, list, &device, rule)) < 0 || rule->reason)
                return r;
        return add_rule(bus, rule, true);
}

static json_t *rules_to_json(const NewRuleList *list, bool skipped) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < list->n_rules; i++) {
                const NewRule *rule = &list->rules[i];

                if (skipped && rule->reason)
                        array = json_append(array,
                                        json_pack("{s:o, s:o}", "entry", json_text(rule->entry->file), "reason",
                                                        json_text(rule->reason)));
                else if (!skipped && !rule->reason)
                        array = json_append(array,
                                        json_pack("{s:o, s:o, s:o, s:o, s:o}", "address",
                                                        json_text(rule->entry->address), "driver",
                                                        json_text(rule->entry->driver), "companions",
                                                        json_strings(rule->companions), "name", json_text(rule->name),
                                                        "file", json_text(rule->file)));
        }
        return array;
}

static size_t count_wanted(const NewRuleList *list) {
        size_t n = 0;

        for (size_t i = 0; i < list->n_rules; i++)
                n += !list->rules[i].reason;
        return n;
}

/* Prints what will change: "+" for a new rule, and the others with the reason. */
static void print_difference(const NewRuleList *list, FILE *stream) {
        for (size_t i = 0; i < list->n_rules; i++) {
                const NewRule *rule = &list->rules[i];
                _cleanup_free_ char *file = terminal_text(rule->entry->file), *reason = NULL;

                if (rule->reason) {
                        reason = terminal_text(rule->reason);
                        fprintf(stream, _("  %s: not imported: %s\n"), strempty(file), strempty(reason));
                } else
                        fprintf(stream, _("+ %s: %s with %s\n"), rule->file, rule->entry->address, rule->entry->driver);
        }
}

/* Both programs would bind the devices. */
static void print_advice(const NewRuleList *list, FILE *stream) {
        fputs(_("\nNow remove the overrides of driverctl, which would still bind the devices at each boot. While no "
                "virtual machine "
                "runs:\n"),
                        stream);
        for (size_t i = 0; i < list->n_rules; i++)
                if (!list->rules[i].reason)
                        fprintf(stream, "  sudo driverctl unset-override %s\n", list->rules[i].entry->address);
        fputs("  sudo vfioctl rescan\nThe first gives the devices to their host drivers, and then vfiod applies its "
              "rules.\n",
                        stream);
}

static int finish(Output *output, const NewRuleList *list, bool dry_run) {
        if (output->json)
                return output_json(output,
                                json_pack("{s:b, s:o, s:o}", "changed", (int)(!dry_run && count_wanted(list) > 0),
                                                "rules", rules_to_json(list, false), "skipped",
                                                rules_to_json(list, true)));
        if (!output->quiet && !dry_run && count_wanted(list) > 0)
                print_advice(list, output->stream);
        return 0;
}

/* Examines all entries, tells what will change, and asks. Gets whether the rules are to be written. */
static ExitCode prepare(Invocation *invocation, const DriverctlList *entries, NewRuleList *list, bool *ret_go) {
        const Output *output = &invocation->output;
        _cleanup_free_ char *question = NULL;
        int r = 0;

        list->rules = calloc(entries->n_entries + 1, sizeof(NewRule));
        if (!list->rules)
                return report_error(-ENOMEM, NULL);
        for (size_t i = 0; i < entries->n_entries && r >= 0; i++)
                r = examine(invocation->bus, entries, &entries->entries[i], &list->rules[list->n_rules++]);
        if (r < 0)
                return report_error(r, NULL);
        if (entries->has_more)
                terminal_say(_("vfioctl: there are more than %d files: the others are not read"),
                                DRIVERCTL_ENTRIES_MAX);
        size_t n = count_wanted(list);
        *ret_go = n > 0 && !invocation->dry_run;
        bool asks = *ret_go && !invocation->yes, interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
        /* The output is printed at the end, but the question comes now. */
        if (!output->quiet && !output->json)
                print_difference(list, asks && interactive ? stderr : output->stream);
        if (!asks)
                return EXIT_DONE;
        if (!interactive)
                return report_failure(EXIT_REFUSED, "org.vfiod1.Error.Failed",
                                ngettext("nothing was written: to write this %zu rule, use --yes",
                                                "nothing was written: to write these %zu rules, use --yes", n),
                                n);
        if (asprintf(&question,
                            ngettext("Write this %zu rule, and apply it now?",
                                            "Write these %zu rules, and apply them now?", n),
                            n) < 0) {
                question = NULL;
                return report_error(-ENOMEM, NULL);
        }
        return consent_ask(question)
                        ? EXIT_DONE
                        : report_failure(EXIT_REFUSED, "org.vfiod1.Error.Failed", _("nothing was written"));
}

ExitCode verb_import_driverctl(Invocation *invocation) {
        const char *folder = invocation->files && *invocation->files ? *invocation->files : DRIVERCTL_FOLDER;
        _cleanup_(driverctl_list_clear) DriverctlList entries = {0};
        _cleanup_(new_rules_clear) NewRuleList list = {0};
        bool go = false, failed = false;
        ExitCode code;

        int r = driverctl_read(folder, &entries);
        if (r < 0 && r != -ENOENT)
                return report_failure(
                                EXIT_FAILED, "org.vfiod1.Error.Failed", _("cannot read %s: %s"), folder, strerror(-r));
        if (entries.n_entries == 0 && !invocation->output.quiet && !invocation->output.json)
                terminal_say(_("vfioctl: there are no overrides of driverctl in %s"), folder);
        code = prepare(invocation, &entries, &list, &go);
        if (code != EXIT_DONE)
                return code;
        for (size_t i = 0; go && i < list.n_rules && r >= 0; i++) {
                NewRule *rule = &list.rules[i];

                if (rule->reason)
                        continue;
                r = add_rule(invocation->bus, rule, false);
                if (rule->reason)
                        terminal_say(_("vfioctl: %s is not imported: %s"), rule->entry->file, rule->reason);
                failed = failed || rule->reason;
        }
        if (r != -ENOMEM)
                r = finish(&invocation->output, &list, !go);
        return r < 0 ? report_error(r, NULL) : failed ? EXIT_FAILED : EXIT_DONE;
}
