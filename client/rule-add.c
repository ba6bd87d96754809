/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule add. */
#include "language.h"
#include "present.h"
#include "rule-proxy.h"
#include "rule-wait.h"
#include "rule.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

#include <stdarg.h>

/* What is known before the rule is written. */
typedef struct Forecast {
        char **devices;  /* addresses that would be detached now */
        char **warnings; /* why the rule may never apply */
} Forecast;

static void forecast_clear(Forecast *forecast) {
        strv_free(forecast->devices);
        strv_free(forecast->warnings);
}

static int add_warning(Forecast *forecast, const char *format, ...) _printf_(2, 3);
static int add_warning(Forecast *forecast, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        return text ? strv_push(&forecast->warnings, text) : -ENOMEM;
}

static bool contains(char *const *list, const char *text) {
        while (list && *list && !streq(*list, text))
                list++;
        return list && *list;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A device that is detached already is as the rule wants it. */
static int warn_of_finding(Forecast *forecast, const Finding *finding) {
        if (finding->overridden || streq(finding->guard, "already-detached"))
                return 0;
        if (contains(finding->options, "override"))
                return add_warning(forecast,
                                _("the guard '%s' refuses as long as this is so: %s: %s. --override=%s overrides it."),
                                finding->guard, finding->address, finding->evidence, finding->guard);
        return add_warning(forecast, _("now it could not be applied: %s%s%s"), finding->evidence,
                        isempty(finding->cure) ? "" : " ", strempty(finding->cure));
}

/* Asks for the plan of the detach that the rule makes. A rule that creates virtual functions has none. */
static int make_forecast(Invocation *invocation, Forecast *forecast) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        CallOptions options = invocation->options;
        _cleanup_(plan_clear) Plan plan = {0};
        int r = 0;

        if (invocation->virtual_functions > 0)
                return 0;
        options.no_apply = false;
        if (proxy_plan(invocation->bus, invocation->selector, "detach", &options, &plan, &error) < 0)
                return sd_bus_error_has_names(&error, "org.vfiod1.Error.NoSuchDevice", "org.vfiod1.Error.NotEndpoint")
                                ? 0
                                : add_warning(forecast, _("now it could not be applied: %s"), strempty(error.message));
        for (size_t i = 0; i < plan.n_steps && r >= 0; i++)
                if (streq_ptr(plan.steps[i].action, "override") && !contains(forecast->devices, plan.steps[i].address))
                        r = strv_push(&forecast->devices, plan.steps[i].address);
        if (forecast->devices)
                qsort(forecast->devices, strv_length(forecast->devices), sizeof(char *), compare);
        for (size_t i = 0; i < plan.n_findings && r >= 0; i++)
                r = warn_of_finding(forecast, &plan.findings[i]);
        return r;
}

/* The rule has no device: a rule whose name comes before it matches the device. */
static int warn_of_earlier_rule(Invocation *invocation, const RuleList *rules, Forecast *forecast) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_clear) Device device = {0};

        if (rules->count == 0 || rules->items[0].devices.count > 0 ||
                        proxy_get_device(invocation->bus, invocation->selector, &device, &error) < 0)
                return 0;
        strv_free(TAKE_PTR(forecast->devices));
        return isempty(device.rule) ? add_warning(forecast, _("the rule matches no device now"))
                                    : add_warning(forecast,
                                                      _("rule %s comes first and matches the device, too: this rule "
                                                        "never applies to it"),
                                                      device.rule);
}

static void say_warnings(const Forecast *forecast) {
        for (char **warning = forecast->warnings; warning && *warning; warning++)
                terminal_say(_("vfioctl: warning: %s"), *warning);
}

static void print_added(
                Invocation *invocation, const char *name, const char *file, const Forecast *forecast, bool would_go) {
        size_t n = strv_length(forecast->devices);
        FILE *stream = invocation->output.stream;

        fprintf(stream, _("Rule %s: %s\n"), name, file);
        if (invocation->options.no_apply)
                fputs(_("The rule acts when the device is plugged in again, or when vfiod starts.\n"), stream);
        else if (invocation->virtual_functions > 0)
                fprintf(stream, _("The rule acts now: it creates and detaches %u virtual functions.\n"),
                                (unsigned)invocation->virtual_functions);
        else if (n > 0 && would_go)
                fprintf(stream,
                                ngettext("The rule acts now: %zu device will be detached.\n",
                                                "The rule acts now: %zu devices will be detached.\n", n),
                                n);
        else
                fputs(_("The rule detaches nothing now.\n"), stream);
}

static int print_json(Output *output, const char *name, const char *file, const Forecast *forecast, const Rule *rule) {
        return output_json(output,
                        json_pack("{s:o, s:o, s:o, s:o, s:o*}", "name", json_text(name), "file", json_text(file),
                                        "will_detach", json_strings(forecast->devices), "warnings",
                                        json_strings(forecast->warnings), "rule", rule ? rule_to_json(rule) : NULL));
}

ExitCode verb_rule_add(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(forecast_clear) Forecast forecast = {0};
        _cleanup_free_ char *name = NULL, *file = NULL;
        _cleanup_(rule_list_clear) RuleList rules = {0};
        Output *output = &invocation->output;
        CallOptions options = invocation->options;
        ExitCode code = EXIT_DONE;
        int r;

        options.name = invocation->rule;
        options.virtual_functions = invocation->virtual_functions;
        if ((r = make_forecast(invocation, &forecast)) < 0 ||
                        (r = proxy_add_rule(invocation->bus, invocation->selector, &options, &name, &file, &error)) < 0)
                return report_error(r, &error);
        bool would_go = !forecast.warnings;
        r = invocation->wait ? rule_wait(invocation, name, &rules, &error)
                             : rule_find(invocation->bus, name, &rules, &error);
        if (r == -ENOENT) /* somebody has removed it since */
                r = 0;
        if (r < 0 || (r = warn_of_earlier_rule(invocation, &rules, &forecast)) < 0)
                return report_error(r, &error);
        if (output->json)
                r = print_json(output, name, file, &forecast, invocation->wait && rules.count > 0 ? rules.items : NULL);
        else if (!output->quiet)
                print_added(invocation, name, file, &forecast, would_go);
        if (!output->json && !output->quiet)
                say_warnings(&forecast);
        if (invocation->wait && rules.count > 0)
                code = rule_print_result(output, rules.items);
        return r < 0 ? report_error(r, NULL) : code;
}
