/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dry-run.h"
#include "language.h"

#include "dry-run-proxy.h"
#include "lease-check.h"
#include "lease-proxy.h"
#include "options.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
#include "rule-proxy.h"
#include "strv.h"

#include "daemon/base/util.h"

#include <inttypes.h>
#include <stdarg.h>

#define ERROR_PREFIX "org.vfiod1.Error."

/* Prints what would be done: a sentence, or {"would": sentence} with --json. */
static ExitCode would(Invocation *invocation, const char *format, ...) _printf_(2, 3);
static ExitCode would(Invocation *invocation, const char *format, ...) {
        Output *output = &invocation->output;
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int r = 0;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        if (!text)
                return report_error(-ENOMEM, NULL);
        if (output->json)
                r = output_json(output, json_pack("{s:b, s:o}", "would_go", 1, "would", json_text(text)));
        else if (!output->quiet)
                fprintf(output->stream, _("Would %s.\n"), text);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

ExitCode dry_run_confirm(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(strv_freep) char **numbers = NULL;
        _cleanup_(group_list_clear) GroupList groups = {0};
        _cleanup_(group_clear) Group selected = {.number = -1};
        _cleanup_free_ char *list = NULL;
        int r = 0;

        if (invocation->selector)
                r = proxy_get_group(invocation->bus, invocation->selector, &selected, &error);
        if (r >= 0)
                r = proxy_list_groups(invocation->bus, &groups, &error);
        for (size_t i = 0; r >= 0 && i < groups.count; i++) {
                const Group *group = &groups.items[i];
                char number[sizeof("-2147483648")];

                if (group->revert_at_us == 0 || (invocation->selector && group->number != selected.number))
                        continue;
                (void)snprintf(number, sizeof(number), "%" PRIi32, group->number);
                r = strv_push(&numbers, number);
        }
        if (r < 0)
                return report_error(r, &error);
        if (!numbers)
                return report_failure(EXIT_NO_SUCH, ERROR_PREFIX "NoRevert",
                                _("there is nothing to confirm: no revert is pending"));
        list = strv_join(numbers, ", ");
        return list ? would(invocation, _("keep group %s detached"), list) : report_error(-ENOMEM, NULL);
}

/* What the new virtual functions would be. */
static const char *describe_fate(const CallOptions *options) {
        return options->detach                ? _(", detached from the host")
                        : options->driverless ? _(", without a driver")
                                              : _(", with the drivers of the host");
}

ExitCode dry_run_vfs(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const CallOptions *options = &invocation->options;
        _cleanup_(device_clear) Device pf = {0};
        uint32_t n = invocation->n_vfs;
        size_t n_remaining = 0;
        int r;

        if ((r = proxy_get_device(invocation->bus, invocation->selector, &pf, &error)) < 0 ||
                        (r = proxy_try_vfs(invocation->bus, invocation->selector, n, options, &n_remaining, &error)) <
                                        0)
                return report_error(r, &error);
        const char *address = strempty(pf.address);
        size_t n_before = strv_length(pf.virtual_functions);
        if (n == n_before && n_remaining == n)
                return would(invocation, _("change nothing: %s has %zu virtual functions, and they are as wanted"),
                                address, n_before);
        if (n_before == 0)
                return would(invocation, _("create %" PRIu32 " virtual functions of %s%s"), n, address,
                                describe_fate(options));
        if (n == 0)
                return would(invocation, _("remove the %zu virtual functions of %s"), n_before, address);
        return would(invocation, _("remove the %zu virtual functions of %s, and create %" PRIu32 "%s"), n_before,
                        address, n, describe_fate(options));
}

ExitCode dry_run_lease(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *program = NULL;
        bool detaches = false;
        ExitCode code;

        if (invocation->options.pid == 0 && (code = lease_check_command(invocation, &program)) != EXIT_DONE)
                return code;
        int r = proxy_try_lease(invocation->bus, invocation->selector, &invocation->options, &detaches, &error);
        if (r < 0)
                return report_error(r, &error);
        return detaches ? would(invocation, _("detach the group of %s, and give you a lease of it"),
                                          invocation->selector)
                        : would(invocation, _("give you a lease of %s, which is detached"), invocation->selector);
}

ExitCode dry_run_release(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(lease_list_clear) LeaseList leases = {0};
        _cleanup_(group_clear) Group group = {.number = -1};
        uint32_t number = options_parse_number(invocation->selector);
        int r = 0;

        if (number == 0)
                r = proxy_get_group(invocation->bus, invocation->selector, &group, &error);
        if (r >= 0)
                r = proxy_list_leases(invocation->bus, &leases, &error);
        if (r < 0)
                return report_error(r, &error);
        for (size_t i = 0; i < leases.count; i++) {
                const Lease *lease = &leases.items[i];
                _cleanup_free_ char *devices = strv_join(lease->devices, " "), *user = user_in_words(lease->uid);

                if (number > 0 ? lease->number == number : lease->group == group.number)
                        return would(invocation, _("end lease %" PRIu32 " of %s by user %s"), lease->number,
                                        strempty(devices), strempty(user));
        }
        return report_failure(
                        EXIT_NO_SUCH, SD_BUS_ERROR_UNKNOWN_OBJECT, _("there is no such lease: see 'vfioctl leases'"));
}

ExitCode dry_run_cancel(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(job_list_clear) JobList jobs = {0};

        int r = proxy_list_jobs(invocation->bus, &jobs, &error);
        if (r < 0)
                return report_error(r, &error);
        for (size_t i = 0; i < jobs.count; i++) {
                const Job *job = &jobs.items[i];
                _cleanup_free_ char *devices = strv_join(job->devices, " ");

                if (job->number == invocation->job)
                        return would(invocation, _("cancel job %" PRIu32 " (%s of %s) and undo its changes"),
                                        job->number, strempty(job->kind), strempty(devices));
        }
        return report_failure(EXIT_NO_SUCH, SD_BUS_ERROR_UNKNOWN_OBJECT, _("there is no such job: see 'vfioctl jobs'"));
}

ExitCode dry_run_rule_add(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *name = NULL, *file = NULL;
        CallOptions options = invocation->options;

        options.name = invocation->rule;
        options.virtual_functions = invocation->virtual_functions;
        options.dry_run = true;
        /* Nothing is overridden, so nobody needs an authorization for it. */
        options.overrides = NULL;
        int r = proxy_add_rule(invocation->bus, invocation->selector, &options, &name, &file, &error);
        return r < 0 ? report_error(r, &error) : would(invocation, _("write the rule %s into %s"), name, file);
}

static ExitCode would_enable(Invocation *invocation, bool enable) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(rule_list_clear) RuleList rules = {0};

        int r = proxy_list_rules(invocation->bus, &rules, &error);
        if (r < 0)
                return report_error(r, &error);
        for (size_t i = 0; i < rules.count; i++)
                if (streq_ptr(rules.items[i].name, invocation->rule))
                        return enable ? would(invocation, _("enable the rule %s"), invocation->rule)
                                      : would(invocation, _("disable the rule %s; its devices stay as they are"),
                                                        invocation->rule);
        return report_failure(EXIT_NO_SUCH, ERROR_PREFIX "NoSuchRule",
                        _("there is no rule '%s': see 'vfioctl rule list'"), invocation->rule);
}

ExitCode dry_run_rule_enable(Invocation *invocation) {
        return would_enable(invocation, true);
}

ExitCode dry_run_rule_disable(Invocation *invocation) {
        return would_enable(invocation, false);
}

ExitCode dry_run_rule_remove(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(rule_list_clear) RuleList rules = {0};

        int r = proxy_list_rules(invocation->bus, &rules, &error);
        if (r < 0)
                return report_error(r, &error);
        for (size_t i = 0; i < rules.count; i++) {
                const Rule *rule = &rules.items[i];

                if (!streq_ptr(rule->name, invocation->rule))
                        continue;
                if (startswith(strempty(rule->file), "/usr/") || startswith(strempty(rule->file), "/run/"))
                        return report_failure(EXIT_REFUSED, ERROR_PREFIX "RuleReadOnly",
                                        _("%s is not in /etc: it can only be masked"), rule->file);
                return would(invocation, _("remove %s; its devices stay as they are"), rule->file);
        }
        return report_failure(EXIT_NO_SUCH, ERROR_PREFIX "NoSuchRule",
                        _("there is no rule '%s': see 'vfioctl rule list'"), invocation->rule);
}
