/* SPDX-License-Identifier: GPL-2.0-or-later */
/* leases and release: who may use which devices now. */
#include "language.h"
#include "lease-proxy.h"
#include "options.h"
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

#include <inttypes.h>

enum {
        COLUMN_LEASE,
        COLUMN_STATE,
        COLUMN_USER,
        COLUMN_PID,
        COLUMN_GROUP,
        COLUMN_DEVICES,
        COLUMN_SINCE,
        COLUMN_HOLDER,
};

static const Column columns[] = {
                [COLUMN_LEASE] = {"LEASE", SCOLS_FL_RIGHT},
                [COLUMN_STATE] = {"STATE", 0},
                [COLUMN_USER] = {"USER", 0},
                [COLUMN_PID] = {"PID", SCOLS_FL_RIGHT},
                [COLUMN_GROUP] = {"GROUP", SCOLS_FL_RIGHT},
                [COLUMN_DEVICES] = {"DEVICES", SCOLS_FL_WRAP},
                [COLUMN_SINCE] = {"SINCE", 0},
                [COLUMN_HOLDER] = {"HOLDER", SCOLS_FL_WRAP},
};

static int add_line(const Output *output, struct libscols_table *table, const Lease *lease) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        _cleanup_free_ char *devices = strv_join(lease->devices, " "), *user = user_in_words(lease->uid);
        char since[64];
        int r;

        if (!line || !devices || !user)
                return -ENOMEM;
        time_in_words(lease->since_us, since, sizeof(since));
        if ((r = cell_set_number(line, COLUMN_LEASE, lease->number)) < 0 ||
                        (r = cell_set_state(output, line, COLUMN_STATE, lease->state)) < 0 ||
                        (r = cell_set(line, COLUMN_USER, user)) < 0 ||
                        (r = lease->pid > 0 ? cell_set_number(line, COLUMN_PID, lease->pid)
                                            : cell_set(line, COLUMN_PID, "-")) < 0 ||
                        (r = cell_set_group(line, COLUMN_GROUP, lease->group)) < 0 ||
                        (r = cell_set(line, COLUMN_DEVICES, devices)) < 0 ||
                        (r = cell_set(line, COLUMN_SINCE, since)) < 0)
                return r;
        return cell_set(line, COLUMN_HOLDER, lease->holder);
}

static json_t *leases_to_json(const LeaseList *leases) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < leases->count; i++)
                array = json_append(array, lease_to_json(&leases->items[i]));
        return json_pack("{s:o}", "leases", array);
}

static int print_leases(Output *output, const LeaseList *leases) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        if (output->json)
                return output_json(output, leases_to_json(leases));

        r = output_table_new(output, columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; r >= 0 && i < leases->count; i++)
                r = add_line(output, table, &leases->items[i]);
        return r < 0 ? r : output_table(output, table);
}

ExitCode verb_leases(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(lease_list_clear) LeaseList leases = {0};
        int r;

        r = proxy_list_leases(invocation->bus, &leases, &error);
        if (r < 0)
                return report_error(r, &error);
        if (leases.count == 0 && !invocation->output.quiet && !invocation->output.json)
                fputs(_("vfioctl: there are no leases\n"), stderr);

        r = print_leases(&invocation->output, &leases);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}

/* Gets the lease of the device or group that the selector names. Returns 0, or a negative errno with the error. */
static int find_lease(Invocation *invocation, Lease *ret_lease, sd_bus_error *error) {
        _cleanup_(lease_clear) Lease lease = {0};
        _cleanup_(group_clear) Group group = {0};
        int r;

        r = proxy_get_group(invocation->bus, invocation->selector, &group, error);
        if (r >= 0)
                r = proxy_get_lease_of_group(invocation->bus, group.number, &lease, error);
        if (r < 0)
                return r;
        if (lease.number == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                _("Nobody has a lease of %s: see 'vfioctl leases'."), invocation->selector);
        *ret_lease = TAKE_STRUCT(lease);
        return 0;
}

ExitCode verb_release(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(lease_clear) Lease lease = {.number = options_parse_number(invocation->selector)};
        Output *output = &invocation->output;
        int r = 0;

        if (lease.number == 0)
                r = find_lease(invocation, &lease, &error);
        if (r >= 0)
                r = proxy_release(invocation->bus, lease.number, invocation->options.force, &error);
        if (r < 0)
                return report_error(r, &error);
        if (output->json)
                r = output_json(output, json_pack("{s:I}", "released", (json_int_t)lease.number));
        else if (!output->quiet)
                fprintf(output->stream,
                                _("Lease %" PRIu32
                                  " ends as soon as no process has its devices open: see 'vfioctl leases'.\n"),
                                lease.number);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
