/* SPDX-License-Identifier: GPL-2.0-or-later */
/* detach, reattach and reset. */
#include "consent.h"
#include "fragment-proxy.h"
#include "language.h"
#include "own-command.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
#include "rule.h"
#include "strv.h"
#include "verbs.h"
#include "work.h"

#define ERROR_ALREADY_DETACHED "org.vfiod1.Error.AlreadyDetached"
#define ERROR_PLAN_STALE "org.vfiod1.Error.PlanStale"

/* A plan that is not valid any more: vfiod does not know the options with which the user would make a new one. */
static ExitCode report_stale(const Invocation *invocation, const char *verb, int r, const sd_bus_error *error) {
        _cleanup_free_ char *plan = own_command_plan(invocation, verb), *advice = NULL;

        if (!plan || asprintf(&advice, _("To make a new plan: %s"), plan) < 0)
                advice = NULL;
        return report_error_with(r, error, advice);
}

/* Asks vfiod to detach, reattach or reset, waits until that is done, and reports an error. If ret_consent_error is not NULL, it gets
 * the error that the user can answer with a consent, which is then not reported, and the code is EXIT_REFUSED. */
static ExitCode change(
                Invocation *invocation, const char *verb, EntryList *ret_changes, sd_bus_error *ret_consent_error) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = work_do(invocation, verb, ret_changes, &error);
        if (r > 0)
                return EXIT_INTERRUPTED;
        if (r == 0)
                return EXIT_DONE;
        /* With --persistent, a device that is already detached is no error, because the rule must still be written. */
        if (invocation->persistent && sd_bus_error_has_name(&error, ERROR_ALREADY_DETACHED))
                return EXIT_DONE;
        if (ret_consent_error && consent_is_possible(invocation, &error)) {
                *ret_consent_error = TAKE_GENERIC(error, sd_bus_error, SD_BUS_ERROR_NULL);
                return EXIT_REFUSED;
        }
        if (invocation->options.plan && sd_bus_error_has_name(&error, ERROR_PLAN_STALE))
                return report_stale(invocation, verb, r, &error);
        return report_error(r, &error);
}

static ExitCode detach(Invocation *invocation, EntryList *ret_changes) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        ExitCode code;

        code = change(invocation, "detach", ret_changes, &error);
        if (!sd_bus_error_is_set(&error))
                return code;
        code = consent_get(invocation);
        return code == EXIT_DONE ? change(invocation, "detach", ret_changes, NULL) : code;
}

static const Device *find_device(const DeviceList *devices, const char *address) {
        for (size_t i = 0; i < devices->count; i++)
                if (streq_ptr(devices->items[i].address, address))
                        return &devices->items[i];
        return NULL;
}

static json_t *changes_to_json(const EntryList *changes, const DeviceList *devices) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < changes->count; i++) {
                const Entry *change = &changes->items[i];
                const Device *device = find_device(devices, change->address);

                array = json_append(array,
                                json_pack("{s:o, s:o, s:o, s:o}", "address", json_text(change->address),
                                                "driver_before", json_text(change->before), "driver_after",
                                                json_text(change->after), "names",
                                                json_strings(device ? device->names : NULL)));
        }
        return array;
}

/* Prints when the group goes back to the host; nothing if it does not. */
static int print_revert(Output *output, const Group *group, const char *selector) {
        _cleanup_free_ char *text = NULL;

        if (group->revert_at_us == 0)
                return 0;
        text = revert_in_words(group, selector);
        if (!text)
                return -ENOMEM;
        fprintf(output->stream, _("Reverts %s.\n"), text);
        return 0;
}

static json_t *detached_to_json(const EntryList *changes, const Group *group, const DeviceList *members,
                char *const *arguments, const char *rule) {
        bool known = group->path;

        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "changes", changes_to_json(changes, members), "group",
                        known ? json_integer(group->number) : json_null(), "node", json_text(group->node), "viable",
                        known ? json_boolean(group->viable) : json_null(), "qemu_arguments", json_strings(arguments),
                        "rule", json_text(rule), "revert_at_usec", revert_at_to_json(group));
}

/* Prints the result of detach. If the group could not be read after the change, it has no path. The rule is the
 * path of the rule's file; NULL for none. */
static int print_detached(Output *output, const EntryList *changes, const Group *group, const DeviceList *members,
                char *const *arguments, const char *rule, const char *selector) {
        _cleanup_free_ char *line = NULL;

        if (output->json)
                return output_json(output, detached_to_json(changes, group, members, arguments, rule));

        for (size_t i = 0; i < changes->count; i++)
                fprintf(output->stream, "%s: %s -> %s\n", changes->items[i].address,
                                driver_in_words(changes->items[i].before), driver_in_words(changes->items[i].after));
        if (!isempty(group->node))
                fprintf(output->stream, _("Node: %s\n"), group->node);
        else
                for (size_t i = 0; i < members->count; i++)
                        if (!isempty(members->items[i].node))
                                fprintf(output->stream, _("Node: %s\n"), members->items[i].node);
        if (arguments) {
                line = strv_join(arguments, " ");
                if (!line)
                        return -ENOMEM;
                fprintf(output->stream, "QEMU: %s\n", line);
        }
        for (size_t i = 0; i < group->blockers.count; i++)
                fprintf(output->stream, _("Not viable: %s, driver %s: %s\n"), group->blockers.items[i].address,
                                driver_in_words(group->blockers.items[i].driver), group->blockers.items[i].reason);
        if (rule)
                fprintf(output->stream, _("Rule: %s\n"), rule);
        return print_revert(output, group, selector);
}

ExitCode verb_detach(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList members = {0};
        _cleanup_(entry_list_clear) EntryList changes = {0};
        _cleanup_(strv_freep) char **arguments = NULL;
        _cleanup_(group_clear) Group group = {0};
        _cleanup_free_ char *rule = NULL;
        ExitCode code;
        int r;

        if (invocation->dry_run)
                return verb_plan(invocation);
        if (invocation->persistent && (code = rule_check_persist(invocation)) != EXIT_DONE)
                return code;
        code = detach(invocation, &changes);
        if (code != EXIT_DONE)
                return code;
        if (invocation->persistent)
                code = rule_persist(invocation, &rule);
        if (invocation->output.quiet)
                return code;

        /* The devices are detached. If the group cannot be read now, this is reported, but is no failure. */
        r = proxy_get_group(invocation->bus, changes.count > 0 ? changes.items[0].address : invocation->selector,
                        &group, &error);
        if (r >= 0)
                r = proxy_get_members(invocation->bus, &group, &members, &error);
        if (r >= 0 && group.viable)
                r = proxy_get_qemu_arguments(invocation->bus, group.number, &arguments, &error);
        if (r < 0)
                (void)report_error(r, &error);

        r = print_detached(&invocation->output, &changes, &group, &members, arguments, rule, invocation->selector);
        return r < 0 ? report_error(r, NULL) : code;
}

/* Reads the devices that were moved. A device that cannot be read, because it has just been removed, is left out. */
static int get_changed_devices(sd_bus *bus, const EntryList *changes, DeviceList *ret_devices) {
        _cleanup_(device_list_clear) DeviceList devices = {.items = calloc(changes->count + 1, sizeof(Device))};

        if (!devices.items)
                return -ENOMEM;
        for (size_t i = 0; i < changes->count; i++)
                if (proxy_get_device(bus, changes->items[i].address, &devices.items[devices.count], NULL) >= 0)
                        devices.count++;
        *ret_devices = TAKE_STRUCT(devices);
        return 0;
}

static int print_reattached(Output *output, const EntryList *changes, const DeviceList *devices) {
        if (output->json)
                return output_json(output, json_pack("{s:o}", "changes", changes_to_json(changes, devices)));

        for (size_t i = 0; i < changes->count; i++) {
                const Entry *change = &changes->items[i];
                const Device *device = find_device(devices, change->address);
                _cleanup_free_ char *names = strv_join(device ? device->names : NULL, ", ");

                fprintf(output->stream, "%s: %s -> %s%s%s%s\n", change->address, driver_in_words(change->before),
                                driver_in_words(change->after), isempty(names) ? "" : " (", strempty(names),
                                isempty(names) ? "" : ")");
        }
        return 0;
}

ExitCode verb_reattach(Invocation *invocation) {
        _cleanup_(device_list_clear) DeviceList devices = {0};
        _cleanup_(entry_list_clear) EntryList changes = {0};
        ExitCode code;
        int r;

        if (invocation->dry_run) {
                invocation->reattach = true;
                return verb_plan(invocation);
        }
        code = change(invocation, "reattach", &changes, NULL);
        if (code != EXIT_DONE || invocation->output.quiet)
                return code;

        /* vfiod has waited until the host's names of the devices are back, so they can be read now. */
        r = get_changed_devices(invocation->bus, &changes, &devices);
        if (r >= 0)
                r = print_reattached(&invocation->output, &changes, &devices);
        rule_tell_next_detach(invocation, &changes);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

ExitCode verb_reset(Invocation *invocation) {
        _cleanup_(device_clear) Device device = {0};
        Output *output = &invocation->output;
        const char *address = invocation->selector;
        ExitCode code;
        int r = 0;

        if (invocation->dry_run) {
                invocation->reset = true;
                return verb_plan(invocation);
        }
        code = change(invocation, "reset", NULL, NULL);
        if (code != EXIT_DONE || output->quiet)
                return code;
        if (proxy_get_device(invocation->bus, invocation->selector, &device, NULL) >= 0 && device.address)
                address = device.address;
        if (output->json)
                r = output_json(output, json_pack("{s:[o]}", "reset", json_text(address)));
        else
                fprintf(output->stream, _("%s was reset\n"), address);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
