/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfs: the virtual functions of a device. */
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "verbs.h"
#include "work.h"

enum {
        COLUMN_ADDRESS,
        COLUMN_GROUP,
        COLUMN_STATE,
        COLUMN_DRIVER,
        COLUMN_NODE,
        COLUMN_NAMES,
};

static const Column columns[] = {
                [COLUMN_ADDRESS] = {"ADDRESS", 0},
                [COLUMN_GROUP] = {"GROUP", SCOLS_FL_RIGHT},
                [COLUMN_STATE] = {"STATE", 0},
                [COLUMN_DRIVER] = {"DRIVER", 0},
                [COLUMN_NODE] = {"NODE", 0},
                [COLUMN_NAMES] = {"NAMES", SCOLS_FL_TRUNC},
};

/* One that goes meanwhile is left out. */
static int get_functions(sd_bus *bus, const Device *physical, DeviceList *ret_functions) {
        size_t n = strv_length(physical->virtual_functions);
        _cleanup_(device_list_clear) DeviceList functions = {.items = calloc(n + 1, sizeof(Device))};

        if (!functions.items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (proxy_get_device(bus, physical->virtual_functions[i], &functions.items[functions.count], NULL) >= 0)
                        functions.count++;
        *ret_functions = TAKE_STRUCT(functions);
        return 0;
}

static json_t *functions_to_json(const Device *physical, const DeviceList *functions) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < functions->count; i++)
                array = json_append(array, device_to_json(&functions->items[i]));
        return json_pack("{s:o, s:I, s:o}", "physical_function", json_text(physical->address), "virtual_functions_max",
                        (json_int_t)physical->virtual_functions_max, "virtual_functions", array);
}

static int add_line(const Output *output, struct libscols_table *table, const Device *function) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        _cleanup_free_ char *names = strv_join(function->names, ", ");
        int r;

        if (!line)
                return -ENOMEM;
        if ((r = cell_set(line, COLUMN_ADDRESS, function->address)) < 0 ||
                        (r = cell_set_group(line, COLUMN_GROUP, function->group)) < 0 ||
                        (r = cell_set_state(output, line, COLUMN_STATE, function->state)) < 0 ||
                        (r = cell_set(line, COLUMN_DRIVER, function->driver)) < 0 ||
                        (r = cell_set(line, COLUMN_NODE, function->node)) < 0)
                return r;
        return cell_set(line, COLUMN_NAMES, names);
}

static int print_functions(Output *output, const Device *physical, const DeviceList *functions) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        if (output->json)
                return output_json(output, functions_to_json(physical, functions));
        if (functions->count == 0)
                return 0;
        r = output_table_new(output, columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; i < functions->count && r >= 0; i++)
                r = add_line(output, table, &functions->items[i]);
        return r < 0 ? r : output_table(output, table);
}

ExitCode verb_functions(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList functions = {0};
        _cleanup_(entry_list_clear) EntryList changes = {0};
        _cleanup_(device_clear) Device physical = {0};
        int r;

        if (invocation->sets_functions) {
                r = work_do(invocation, "vfs", &invocation->consent, &changes, &error);
                if (r > 0)
                        return EXIT_INTERRUPTED;
                if (r < 0)
                        return report_error(r, &error);
                if (invocation->output.quiet)
                        return EXIT_DONE;
        }
        r = proxy_get_device(invocation->bus, invocation->selector, &physical, &error);
        if (r < 0)
                return report_error(r, &error);
        if (physical.virtual_functions_max == 0) {
                fprintf(stderr, "vfioctl: %s has no virtual functions\n", strempty(physical.address));
                return EXIT_REFUSED;
        }
        r = get_functions(invocation->bus, &physical, &functions);
        if (r >= 0)
                r = print_functions(&invocation->output, &physical, &functions);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
