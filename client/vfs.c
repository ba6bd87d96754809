/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfs: the virtual functions (VFs) of a physical function (PF). */
#include "language.h"
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"
#include "work.h"

#include <inttypes.h>

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

/* Reads all VFs of the PF. A VF that disappears in the meantime is left out. */
static int get_vfs(sd_bus *bus, const Device *pf, DeviceList *ret_vfs) {
        size_t n = strv_length(pf->virtual_functions);
        _cleanup_(device_list_clear) DeviceList vfs = {.items = calloc(n + 1, sizeof(Device))};

        if (!vfs.items)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (proxy_get_device(bus, pf->virtual_functions[i], &vfs.items[vfs.count], NULL) >= 0)
                        vfs.count++;
        *ret_vfs = TAKE_STRUCT(vfs);
        return 0;
}

static json_t *vfs_to_json(const Device *pf, const DeviceList *vfs) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < vfs->count; i++)
                array = json_append(array, device_to_json(&vfs->items[i]));
        return json_pack("{s:o, s:I, s:o}", "physical_function", json_text(pf->address), "virtual_functions_max",
                        (json_int_t)pf->virtual_functions_max, "virtual_functions", array);
}

static int add_line(const Output *output, struct libscols_table *table, const Device *vf) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        _cleanup_free_ char *names = strv_join(vf->names, ", ");
        int r;

        if (!line)
                return -ENOMEM;
        if ((r = cell_set(line, COLUMN_ADDRESS, vf->address)) < 0 ||
                        (r = cell_set_group(line, COLUMN_GROUP, vf->group)) < 0 ||
                        (r = cell_set_state(output, line, COLUMN_STATE, vf->state)) < 0 ||
                        (r = cell_set(line, COLUMN_DRIVER, vf->driver)) < 0 ||
                        (r = cell_set(line, COLUMN_NODE, vf->node)) < 0)
                return r;
        return cell_set(line, COLUMN_NAMES, names);
}

static int print_table(Output *output, const DeviceList *vfs) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        r = output_table_new(output, columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; i < vfs->count && r >= 0; i++)
                r = add_line(output, table, &vfs->items[i]);
        return r < 0 ? r : output_table(output, table);
}

/* If there are no VFs, this sentence replaces the table. It also says how many VFs were removed. --no-legend
 * suppresses it like a heading. */
static void print_none(Output *output, const Device *pf, size_t n_removed) {
        if (!output->legend)
                return;
        fprintf(output->stream, "%s: ", strempty(pf->address));
        if (n_removed > 0)
                fprintf(output->stream,
                                ngettext("%zu virtual function removed, now ", "%zu virtual functions removed, now ",
                                                n_removed),
                                n_removed);
        fprintf(output->stream,
                        ngettext("0 of %" PRIu32 " virtual function\n", "0 of %" PRIu32 " virtual functions\n",
                                        pf->virtual_functions_max),
                        pf->virtual_functions_max);
}

static int print_vfs(Output *output, const Device *pf, const DeviceList *vfs, size_t n_removed) {
        if (output->json)
                return output_json(output, vfs_to_json(pf, vfs));
        if (vfs->count > 0)
                return print_table(output, vfs);
        print_none(output, pf, n_removed);
        return 0;
}

/* Asks vfiod for the wanted number of VFs. Gets the number of VFs that existed before. */
static ExitCode set_vfs(Invocation *invocation, size_t *ret_n_before) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(entry_list_clear) EntryList changes = {0};
        _cleanup_(device_clear) Device pf = {0};
        int r;

        r = proxy_get_device(invocation->bus, invocation->selector, &pf, &error);
        if (r < 0)
                return report_error(r, &error);
        *ret_n_before = strv_length(pf.virtual_functions);
        r = work_do(invocation, "vfs", &changes, &error);
        if (r > 0)
                return EXIT_INTERRUPTED;
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}

ExitCode verb_vfs(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList vfs = {0};
        _cleanup_(device_clear) Device pf = {0};
        size_t n_before = 0;
        ExitCode code;
        int r;

        if (invocation->sets_vfs) {
                code = set_vfs(invocation, &n_before);
                if (code != EXIT_DONE || invocation->output.quiet)
                        return code;
        }
        r = proxy_get_device(invocation->bus, invocation->selector, &pf, &error);
        if (r < 0)
                return report_error(r, &error);
        if (pf.virtual_functions_max == 0)
                return report_failure(EXIT_REFUSED, "NoVirtualFunctions", _("%s cannot have virtual functions"),
                                strempty(pf.address));
        r = get_vfs(invocation->bus, &pf, &vfs);
        if (r >= 0)
                r = print_vfs(&invocation->output, &pf, &vfs, n_before);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
