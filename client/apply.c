/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export and apply. */
#include "consent.h"
#include "error-details.h"
#include "host-file.h"
#include "language.h"
#include "line-diff.h"
#include "present.h"
#include "proxy-internal.h"
#include "rule-proxy.h"
#include "rule-text.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

/* Of ChangeRules. */
#define CHANGES_LIMIT 256

/* The state of the host. */

/* Adds a rule of /etc. A rule with an error has the text "". */
static int add_own_rule(sd_bus *bus, const Rule *rule, HostFile *file, sd_bus_error *error) {
        _cleanup_(rule_details_clear) RuleDetails details = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        bool masked = streq_ptr(rule->state, "masked"), off = streq_ptr(rule->state, "off");
        if ((r = proxy_get_rule(bus, rule->name, &details, error)) < 0) {
                /* A rule with an error may have a name for which there is no object. */
                if (!(off || masked) || !sd_bus_error_has_name(error, "org.vfiod1.Error.NoSuchRule"))
                        return r;
                sd_bus_error_free(error);
        }
        if (!masked && !off && isempty(details.text))
                return sd_bus_error_setf(error, "org.vfiod1.Error.Failed",
                                _("vfiod does not show the text of rule %s: it is longer than 8 KiB, or not readable "
                                  "for "
                                  "everybody."),
                                rule->name);
        if (!masked && !off && (r = rule_text_normalize(details.text, &text)) < 0)
                return r;
        if ((r = host_file_add_rule(file, rule->name, off ? "" : text)) >= 0)
                file->rules[file->n_rules - 1].version = details.version;
        return r;
}

static int get_rules(sd_bus *bus, HostFile *file, sd_bus_error *error) {
        _cleanup_(rule_list_clear) RuleList rules = {0};

        int r = proxy_list_rules(bus, &rules, error);
        for (size_t i = 0; i < rules.count && r >= 0; i++)
                if (rules.items[i].writable)
                        r = add_own_rule(bus, &rules.items[i], file, error);
        return r;
}

/* Gets the PFs, with all properties. The list tells which devices are PFs, so only these are asked for. */
static int get_pfs(sd_bus *bus, DeviceList *ret, sd_bus_error *error) {
        _cleanup_(device_list_clear) DeviceList devices = {0}, pfs = {0};

        int r = proxy_list_devices(bus, &devices, error);
        if (r >= 0 && !(pfs.items = calloc(devices.count + 1, sizeof(Device))))
                return -ENOMEM;
        for (size_t i = 0; i < devices.count && r >= 0; i++) {
                _cleanup_(device_clear) Device device = {0};

                if (devices.items[i].virtual_functions_max > 0 &&
                                (r = proxy_get_device(bus, devices.items[i].address, &device, error)) >= 0)
                        pfs.items[pfs.count++] = TAKE_STRUCT(device);
        }
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(pfs);
        return 0;
}

/* export. */

/* A PF that a rule matches gets its virtual functions from the rule. */
static int add_numbers(const DeviceList *pfs, HostFile *file) {
        int r = 0;

        for (size_t i = 0; i < pfs->count && r >= 0; i++) {
                const Device *pf = &pfs->items[i];
                uint32_t count = (uint32_t)strv_length(pf->virtual_functions);

                if (count > 0 && isempty(pf->rule))
                        r = host_file_add_functions(
                                        file, &(HostFunctions){pf->address, true, pf->vendor, pf->device, count});
        }
        return r;
}

static int refuse_wrong_rule(const HostFile *file, sd_bus_error *error) {
        for (size_t i = 0; i < file->n_rules; i++)
                if (file->rules[i].text && isempty(file->rules[i].text))
                        return sd_bus_error_setf(error, "org.vfiod1.Error.Failed",
                                        _("Rule %s has an error: correct or remove it first. 'vfioctl rule check' "
                                          "shows "
                                          "the error."),
                                        file->rules[i].name);
        return 0;
}

ExitCode verb_export(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList pfs = {0};
        _cleanup_(host_file_clear) HostFile file = {0};
        _cleanup_free_ char *text = NULL;
        int r;

        if ((r = get_rules(invocation->bus, &file, &error)) < 0 || (r = refuse_wrong_rule(&file, &error)) < 0 ||
                        (r = get_pfs(invocation->bus, &pfs, &error)) < 0 || (r = add_numbers(&pfs, &file)) < 0 ||
                        (r = host_file_format(&file, &text)) < 0)
                return report_error(r, &error);
        fprintf(invocation->output.stream, "%s\n", text);
        return EXIT_DONE;
}

/* apply: what differs. */

typedef struct NumberChange {
        const Device *pf;
        uint32_t count;
} NumberChange;

typedef struct Difference {
        HostFile now, wanted;
        HostRule *rules;    /* of both files, borrowed: with the new text, or the former of a removed rule */
        const char **kinds; /* of ChangeRules, for each of these rules */
        size_t n_rules;
        bool has_versions; /* of all these rules, 0 for a rule that does not exist yet */
        DeviceList pfs;
        NumberChange *numbers;
        size_t n_numbers;
} Difference;

static void difference_clear(Difference *difference) {
        host_file_clear(&difference->now);
        host_file_clear(&difference->wanted);
        free(difference->rules);
        free(difference->kinds);
        device_list_clear(&difference->pfs);
        free(difference->numbers);
}

static int compare_rules(Difference *difference) {
        const HostFile *now = &difference->now, *wanted = &difference->wanted;

        difference->rules = calloc(now->n_rules + wanted->n_rules + 1, sizeof(HostRule));
        difference->kinds = calloc(now->n_rules + wanted->n_rules + 1, sizeof(char *));
        if (!difference->rules || !difference->kinds)
                return -ENOMEM;
        for (size_t i = 0; i < wanted->n_rules; i++) {
                const HostRule *rule = &wanted->rules[i], *old = host_file_find(now, rule->name);

                if (old && streq_ptr(old->text, rule->text))
                        continue;
                difference->kinds[difference->n_rules] = rule->text ? "write" : "mask";
                difference->rules[difference->n_rules] = *rule;
                difference->rules[difference->n_rules++].version = old ? old->version : 0;
        }
        for (size_t i = 0; i < now->n_rules; i++)
                if (!host_file_find(wanted, now->rules[i].name)) {
                        difference->kinds[difference->n_rules] = "delete";
                        difference->rules[difference->n_rules++] = now->rules[i];
                }
        return 0;
}

/* Gets the version of a rule; 0 if there is none. */
static int get_version(sd_bus *bus, const char *name, uint64_t *ret, sd_bus_error *error) {
        _cleanup_(rule_details_clear) RuleDetails details = {0};

        int r = proxy_get_rule(bus, name, &details, error);
        if (r < 0 && !sd_bus_error_has_name(error, "org.vfiod1.Error.NoSuchRule"))
                return r;
        sd_bus_error_free(error);
        *ret = details.version;
        return 0;
}

/* The rules of /etc have their versions already. A new rule may replace one of another directory. An older vfiod knows no versions. */
static int add_versions(sd_bus *bus, Difference *difference, sd_bus_error *error) {
        const HostFile *now = &difference->now;
        int r = 0;

        difference->has_versions = true;
        for (size_t i = 0; i < difference->n_rules && r >= 0; i++) {
                HostRule *rule = &difference->rules[i];
                bool is_new = !host_file_find(now, rule->name);

                if (is_new)
                        r = get_version(bus, rule->name, &rule->version, error);
                else if (rule->version == 0)
                        difference->has_versions = false;
        }
        return r;
}

static int compare_numbers(Difference *difference, sd_bus_error *error) {
        const HostFile *wanted = &difference->wanted;
        const DeviceList *pfs = &difference->pfs;

        difference->numbers = calloc(wanted->n_functions * pfs->count + 1, sizeof(NumberChange));
        if (!difference->numbers)
                return -ENOMEM;
        for (size_t i = 0; i < wanted->n_functions; i++) {
                const HostFunctions *entry = &wanted->functions[i];
                size_t n_matches = 0;

                for (size_t k = 0; k < pfs->count; k++) {
                        const Device *pf = &pfs->items[k];

                        if ((entry->address && !streq_ptr(entry->address, pf->address)) ||
                                        (entry->has_model &&
                                                        (entry->vendor != pf->vendor || entry->device != pf->device)))
                                continue;
                        n_matches++;
                        if (entry->count > pf->virtual_functions_max)
                                return sd_bus_error_setf(error, "org.vfiod1.Error.LimitsExceeded",
                                                _("virtual-functions[%zu]: %s can have %u virtual functions, not %u."),
                                                i, pf->address, (unsigned)pf->virtual_functions_max,
                                                (unsigned)entry->count);
                        if (strv_length(pf->virtual_functions) != entry->count)
                                difference->numbers[difference->n_numbers++] = (NumberChange){pf, entry->count};
                }
                if (n_matches == 0)
                        return sd_bus_error_setf(error, "org.vfiod1.Error.NoSuchDevice",
                                        _("virtual-functions[%zu]: no device of this host matches that can have "
                                          "virtual "
                                          "functions."),
                                        i);
        }
        return 0;
}

static int write_difference(const Difference *difference, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = 0;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < difference->n_rules && r >= 0; i++) {
                const HostRule *rule = &difference->rules[i], *old = host_file_find(&difference->now, rule->name);
                bool deleted = streq(difference->kinds[i], "delete");

                fprintf(stream, "--- rule %s%s\n+++ rule %s%s\n", rule->name,
                                !old                                 ? " (none)"
                                                : !old->text         ? " (masked)"
                                                : isempty(old->text) ? " (with an error)"
                                                                     : "",
                                rule->name,
                                deleted                      ? " (none)"
                                                : rule->text ? ""
                                                             : " (masked)");
                r = line_diff_write(stream, old ? old->text : NULL, deleted ? NULL : rule->text);
        }
        for (size_t i = 0; i < difference->n_numbers; i++)
                fprintf(stream, "--- virtual functions of %s\n+++ virtual functions of %s\n-%zu\n+%u\n",
                                difference->numbers[i].pf->address, difference->numbers[i].pf->address,
                                strv_length(difference->numbers[i].pf->virtual_functions),
                                (unsigned)difference->numbers[i].count);
        if (fclose(stream) != 0 || r < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

/* apply: the change. */

static int append_change(sd_bus_message *call, const HostRule *rule, const char *kind, bool has_version) {
        int r;

        if ((r = sd_bus_message_open_container(call, 'r', "ssa{sv}")) < 0 ||
                        (r = sd_bus_message_append(call, "ss", rule->name, kind)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0)
                return r;
        if (streq(kind, "write"))
                r = sd_bus_message_append(call, "{sv}", "Text", "s", rule->text);
        if (r >= 0 && has_version)
                r = sd_bus_message_append(call, "{sv}", "VersionId", "t", rule->version);
        if (r < 0 || (r = sd_bus_message_close_container(call)) < 0)
                return r;
        return sd_bus_message_close_container(call);
}

static int change_rules(const Invocation *invocation, const Difference *difference, bool dry_run, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if (difference->n_rules == 0)
                return 0;
        if (difference->n_rules > CHANGES_LIMIT)
                return sd_bus_error_setf(error, "org.vfiod1.Error.LimitsExceeded",
                                _("%zu rules differ: vfiod changes at most %d at once."), difference->n_rules,
                                CHANGES_LIMIT);
        if ((r = sd_bus_message_new_method_call(
                             invocation->bus, &call, SERVICE, ROOT, SERVICE ".Manager", "ChangeRules")) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "(ssa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < difference->n_rules && r >= 0; i++) {
                r = append_change(call, &difference->rules[i], difference->kinds[i], difference->has_versions);
        }
        if (r < 0 || (r = sd_bus_message_close_container(call)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0 ||
                        (dry_run && (r = sd_bus_message_append(call, "{sv}", "dry-run", "b", true)) < 0) ||
                        (invocation->options.no_apply &&
                                        (r = sd_bus_message_append(call, "{sv}", "no-apply", "b", true)) < 0) ||
                        (r = error_details_append_option(call)) < 0 || (r = sd_bus_message_close_container(call)) < 0)
                return r;
        return error_details_call(invocation->bus, call, WORK_TIMEOUT_USEC, error, NULL);
}

static int set_number(const Invocation *invocation, const char *address, uint32_t count, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = new_selector_call(invocation->bus, "SetVirtualFunctions", address, &call, error)) < 0 ||
                        (r = sd_bus_message_append(call, "u", count)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0 ||
                        (r = error_details_append_option(call)) < 0 || (r = sd_bus_message_close_container(call)) < 0)
                return r;
        return error_details_call(invocation->bus, call, WORK_TIMEOUT_USEC, error, NULL);
}

/* Gives the first n physical functions their former numbers of VFs again, and writes for each whether that worked. */
static void restore_numbers(const Invocation *invocation, const Difference *difference, size_t n, FILE *remark) {
        while (n-- > 0) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                const Device *pf = difference->numbers[n].pf;
                unsigned count = (unsigned)strv_length(pf->virtual_functions);

                if (set_number(invocation, pf->address, count, &error) < 0)
                        fprintf(remark, _("\nvfioctl: %s has %u virtual functions now: it cannot get back to %u: %s"),
                                        pf->address, (unsigned)difference->numbers[n].count, count,
                                        strempty(error.message));
                else
                        fprintf(remark, _("\nvfioctl: %s has %u virtual functions again%s"), pf->address, count,
                                        count > 0 ? _(", but they are new: they were removed meanwhile.") : ".");
        }
}

/* After a failed change: vfiod may not know, or not have been able to tell, whether it was made. Another vfiod may have answered. */
static const char *describe_rules(const Invocation *invocation, const Difference *difference) {
        bool is_known = difference->has_versions, is_same = true;

        for (size_t i = 0; i < difference->n_rules && is_known; i++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                const HostRule *rule = &difference->rules[i];
                uint64_t version = 0;

                is_known = get_version(invocation->bus, rule->name, &version, &error) >= 0;
                is_same = is_same && version == rule->version;
        }
        if (!is_known)
                return _("vfioctl: all rules were changed, or none: 'vfioctl apply --check' shows it.");
        return is_same ? _("vfioctl: no rule was changed.")
                       : _("vfioctl: the rules are not as before: vfiod or somebody else has changed them. 'vfioctl "
                           "apply --check' shows what differs.");
}

/* The rules come last, because vfiod changes all of them or none. After a failure, the remark tells what was changed. */
static int make_changes(const Invocation *invocation, const Difference *difference, FILE *remark, sd_bus_error *error) {
        size_t n = 0;

        int r = change_rules(invocation, difference, true, error);
        if (r < 0) {
                fputs(_("vfioctl: nothing was changed."), remark);
                return r;
        }
        while (r >= 0 && n < difference->n_numbers) {
                r = set_number(invocation, difference->numbers[n].pf->address, difference->numbers[n].count, error);
                n += r >= 0;
        }
        if (r < 0)
                fputs(_("vfioctl: no rule was changed."), remark);
        else if ((r = change_rules(invocation, difference, false, error)) < 0)
                fputs(describe_rules(invocation, difference), remark);
        if (r < 0)
                restore_numbers(invocation, difference, n, remark);
        return r;
}

static ExitCode change_host(const Invocation *invocation, const Difference *difference) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *remark = NULL;
        size_t size;

        FILE *stream = open_memstream(&remark, &size);
        if (!stream)
                return report_error(-ENOMEM, NULL);
        int r = make_changes(invocation, difference, stream, &error);
        if (fclose(stream) != 0)
                return report_error(-ENOMEM, NULL);
        return r < 0 ? report_error_with(r, &error, remark) : EXIT_DONE;
}

static json_t *difference_to_json(const Difference *difference, bool changed, const char *text) {
        json_t *rules = json_array(), *numbers = json_array();

        for (size_t i = 0; rules && i < difference->n_rules; i++)
                rules = json_append(rules,
                                json_pack("{s:s, s:s}", "name", difference->rules[i].name, "change",
                                                difference->kinds[i]));
        for (size_t i = 0; numbers && i < difference->n_numbers; i++)
                numbers = json_append(numbers,
                                json_pack("{s:s, s:I, s:I, s:b}", "address", difference->numbers[i].pf->address,
                                                "before",
                                                (json_int_t)strv_length(difference->numbers[i].pf->virtual_functions),
                                                "after", (json_int_t)difference->numbers[i].count, "persistent", 0));
        return json_pack("{s:b, s:o, s:o, s:o}", "changed", (int)changed, "rules", rules, "virtual_functions", numbers,
                        "diff", json_text(text));
}

/* Whether virtual functions are made that the next boot does not make again. */
static bool makes_functions(const Difference *difference) {
        for (size_t i = 0; i < difference->n_numbers; i++)
                if (difference->numbers[i].count > 0)
                        return true;
        return false;
}

static int report(Output *output, const Difference *difference, bool changed, const char *text, const char *remark) {
        if (output->json)
                return output_json(output, difference_to_json(difference, changed, text));
        if (output->quiet)
                return 0;
        fprintf(output->stream, "%s%s\n", text, remark);
        if (makes_functions(difference))
                fputs(_("The virtual functions last until the next boot: \"HOST FILE\" in vfioctl(1) tells how to make "
                        "them at each boot.\n"),
                                output->stream);
        return 0;
}

/* Asks, unless --yes was given. */
static bool is_agreed(const Invocation *invocation, const char *text) {
        if (invocation->yes)
                return true;
        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || invocation->output.json)
                return false;
        terminal_say_lines(text);
        return consent_ask(_("Change this?"));
}

static ExitCode apply(Invocation *invocation, Difference *difference) {
        bool differs = difference->n_rules > 0 || difference->n_numbers > 0;
        Output *output = &invocation->output;
        _cleanup_free_ char *text = NULL;
        int r;

        if ((r = write_difference(difference, &text)) < 0)
                return report_error(r, NULL);
        if (!differs || invocation->check || invocation->dry_run) {
                r = report(output, difference, differs, text,
                                differs ? _("Nothing was changed.") : _("Nothing to change."));
                return r < 0 ? report_error(r, NULL) : differs && invocation->check ? EXIT_DIFFERS : EXIT_DONE;
        }
        if (!is_agreed(invocation, text))
                return report_failure(EXIT_REFUSED, "Failed",
                                _("Nothing was changed. Without a terminal, 'apply' needs --yes; --check shows the "
                                  "differences."));
        ExitCode code = change_host(invocation, difference);
        if (code != EXIT_DONE)
                return code;
        r = report(output, difference, true, text, _("Changed."));
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

ExitCode verb_apply(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(difference_clear) Difference difference = {0};
        _cleanup_free_ char *text = NULL, *problem = NULL;
        const char *path = invocation->files[0];
        int r;

        if (!path || invocation->files[1])
                return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS, _("'apply' needs one file; '-' is stdin"));
        r = rule_text_read(streq(path, "-") ? "/dev/stdin" : path, &text);
        if (r < 0)
                return report_failure(EXIT_FAILED, "Failed", "%s: %s", path, strerror(-r));
        r = host_file_parse(text, &difference.wanted, &problem);
        if (r == -EINVAL)
                return report_failure(EXIT_FAILED, SD_BUS_ERROR_INVALID_ARGS, "%s: %s", path, strempty(problem));
        if (r < 0)
                return report_error(r, NULL);
        if ((r = get_rules(invocation->bus, &difference.now, &error)) < 0 ||
                        (r = get_pfs(invocation->bus, &difference.pfs, &error)) < 0 ||
                        (r = compare_rules(&difference)) < 0 ||
                        (r = add_versions(invocation->bus, &difference, &error)) < 0 ||
                        (r = compare_numbers(&difference, &error)) < 0)
                return report_error(r, &error);
        return apply(invocation, &difference);
}
