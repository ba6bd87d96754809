/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule show. */
#include "language.h"
#include "present.h"
#include "rule-proxy.h"
#include "rule-text.h"
#include "rule-wait.h"
#include "rule.h"
#include "verbs.h"

/* Finds the devices that the rule would match if another rule did not come first. Returns 0; or a negative errno with the error. */
static int print_others(const Invocation *invocation, const Rule *rule, const char *text, const char *key,
                sd_bus_error *error) {
        _cleanup_(device_list_clear) DeviceList devices = {0};
        Output *output = (Output *)&invocation->output;
        int r;

        if ((r = proxy_list_devices(invocation->bus, &devices, error)) < 0)
                return r;
        for (size_t i = 0; i < devices.count; i++) {
                const Device *device = &devices.items[i];

                if (isempty(device->rule) || streq_ptr(device->rule, rule->name) || !device->endpoint ||
                                !rule_text_may_match(text, strempty(device->address), device->vendor, device->device,
                                                device->class))
                        continue;
                output_field(output, key, _("%s: rule %s comes first"), device->address, device->rule);
                key = "";
        }
        if (!isempty(key))
                output_field(output, key, _("none matches"));
        return 0;
}

static void print_devices(Output *output, const Rule *rule) {
        for (size_t i = 0; i < rule->devices.count; i++) {
                const Entry *device = &rule->devices.items[i];

                output_field(output, i == 0 ? _("Devices") : "", "%s: %s%s%s", device->address,
                                strempty(device->status), isempty(device->message) ? "" : ": ",
                                strempty(device->message));
        }
}

static int print_text(Invocation *invocation, const Rule *rule, const RuleDetails *details, sd_bus_error *error) {
        _cleanup_free_ char *reason = language_sentence(strempty(details->reason));
        Output *output = &invocation->output;
        int r = 0;

        if (!reason)
                return -ENOMEM;
        output_field(output, _("Rule"), "%s", rule->name);
        output_field(output, _("File"), "%s", rule->file);
        output_field(output, _("State"), "%s", strempty(rule->state));
        if (*reason && rule->line > 0)
                output_field(output, _("Reason"), _("line %u: %s"), (unsigned)rule->line, reason);
        else if (*reason)
                output_field(output, _("Reason"), "%s", reason);
        print_devices(output, rule);
        if (rule->devices.count == 0 && streq_ptr(rule->state, "active"))
                r = print_others(invocation, rule, details->text, _("Devices"), error);
        if (!isempty(details->text))
                fprintf(output->stream, "\n%s", details->text);
        return r;
}

static json_t *make_json(const Rule *rule, const RuleDetails *details) {
        json_t *more = json_pack("{s:o, s:O, s:o}", "reason", json_text(details->reason), "settings", details->settings,
                        "text", json_text(details->text));

        return json_merge(rule_to_json(rule), more);
}

ExitCode verb_rule_show(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(rule_details_clear) RuleDetails details = {0};
        _cleanup_(rule_list_clear) RuleList rules = {0};
        int r;

        if ((r = proxy_get_rule(invocation->bus, invocation->rule, &details, &error)) < 0 ||
                        (r = rule_find(invocation->bus, invocation->rule, &rules, &error)) < 0)
                return report_error(r, &error);
        r = invocation->output.json ? output_json(&invocation->output, make_json(rules.items, &details))
                                    : print_text(invocation, rules.items, &details, &error);
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}
