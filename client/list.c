/* SPDX-License-Identifier: GPL-2.0-or-later */
/* groups and devices: the lists of everything. */
#include "present.h"
#include "proxy.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

/* The devices sorted by address, to find the members of groups. */
typedef struct Index {
        const Device **devices;
        size_t count;
} Index;

static void index_clear(Index *index) {
        free(index->devices);
}

static int compare_devices(const void *a, const void *b) {
        const Device *const *device_a = a, *const *device_b = b;

        return strcmp(strempty((*device_a)->address), strempty((*device_b)->address));
}

static int index_fill(Index *index, const DeviceList *list) {
        index->devices = calloc(list->count + 1, sizeof(Device *));
        if (!index->devices)
                return -ENOMEM;
        for (size_t i = 0; i < list->count; i++)
                index->devices[i] = &list->items[i];
        index->count = list->count;
        /* vfiod sorts addresses as numbers. With long domains this differs from the order of strings, which
         * bsearch() needs here. */
        qsort(index->devices, index->count, sizeof(Device *), compare_devices);
        return 0;
}

/* Returns the device at the address; NULL if it was added or removed between the two calls to vfiod. */
static const Device *index_find(const Index *index, char *address) {
        const Device key = {.address = address}, *key_pointer = &key;
        const Device **found;

        found = bsearch(&key_pointer, index->devices, index->count, sizeof(Device *), compare_devices);
        return found ? *found : NULL;
}

static json_t *member_to_json(const Index *index, char *address) {
        const Device *device = index_find(index, address);

        return device_row_to_json(device ? device : &(const Device){.address = address, .group = -1});
}

static json_t *groups_to_json(const GroupList *groups, const Index *index) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < groups->count; i++) {
                const Group *group = &groups->items[i];
                json_t *members = json_array();

                for (char **address = group->members; members && address && *address; address++)
                        members = json_append(members, member_to_json(index, *address));
                array = json_append(array, group_row_to_json(group, members));
        }
        return json_pack("{s:o}", "groups", array);
}

enum {
        GROUP_COLUMN_GROUP,
        GROUP_COLUMN_STATE,
        GROUP_COLUMN_VIABLE,
        GROUP_COLUMN_DRIVER,
        GROUP_COLUMN_NAMES,
        GROUP_COLUMN_NODE,
        GROUP_COLUMN_DEVICE,
};

static const Column group_columns[] = {
                [GROUP_COLUMN_GROUP] = {"GROUP/ADDRESS", SCOLS_FL_TREE},
                [GROUP_COLUMN_STATE] = {"STATE", 0},
                [GROUP_COLUMN_VIABLE] = {"VIABLE", 0},
                [GROUP_COLUMN_DRIVER] = {"DRIVER", 0},
                [GROUP_COLUMN_NAMES] = {"NAMES", 0},
                [GROUP_COLUMN_NODE] = {"NODE", 0},
                [GROUP_COLUMN_DEVICE] = {"DEVICE", 0},
};

static int add_member_line(const Output *output, struct libscols_table *table, struct libscols_line *parent,
                const Index *index, char *address) {
        struct libscols_line *line = scols_table_new_line(table, parent);
        const Device *device = index_find(index, address);
        _cleanup_free_ char *names = NULL, *description = NULL;
        int r;

        if (!line)
                return -ENOMEM;
        r = cell_set(line, GROUP_COLUMN_GROUP, address);
        if (r < 0 || !device)
                return r;

        names = strv_join(device->names, ",");
        description = device_description(device);
        if (!names || !description)
                return -ENOMEM;
        if ((r = cell_set_state(output, line, GROUP_COLUMN_STATE, device->state)) < 0 ||
                        (r = cell_set(line, GROUP_COLUMN_DRIVER, device->driver)) < 0 ||
                        (r = cell_set(line, GROUP_COLUMN_NAMES, names)) < 0)
                return r;
        return cell_set(line, GROUP_COLUMN_DEVICE, description);
}

static int add_group_lines(const Output *output, struct libscols_table *table, const Group *group, const Index *index) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        char number[sizeof("-2147483648")];
        int r;

        if (!line)
                return -ENOMEM;
        (void)snprintf(number, sizeof(number), "%i", group->number);
        if ((r = cell_set(line, GROUP_COLUMN_GROUP, number)) < 0 ||
                        (r = cell_set_state(output, line, GROUP_COLUMN_STATE, group->state)) < 0 ||
                        (r = cell_set(line, GROUP_COLUMN_VIABLE, group->viable ? "yes" : "no")) < 0 ||
                        (r = cell_set(line, GROUP_COLUMN_NODE, group->node)) < 0)
                return r;

        for (char **address = group->members; address && *address; address++) {
                r = add_member_line(output, table, line, index, *address);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int print_groups(Output *output, const GroupList *groups, const DeviceList *devices) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        _cleanup_(index_clear) Index index = {0};
        int r;

        r = index_fill(&index, devices);
        if (r < 0)
                return r;
        if (output->json)
                return output_json(output, groups_to_json(groups, &index));

        r = output_table_new(output, group_columns, ELEMENTSOF(group_columns), &table);
        for (size_t i = 0; r >= 0 && i < groups->count; i++)
                r = add_group_lines(output, table, &groups->items[i], &index);
        return r < 0 ? r : output_table(output, table);
}

/* Users expect groups. If there are none, they need to know why. */
static void explain_no_groups(Invocation *invocation) {
        _cleanup_(status_clear) Status status = {0};

        if (!invocation->output.quiet && proxy_get_status(invocation->bus, &status, NULL) >= 0)
                terminal_say("vfioctl: there are no IOMMU groups: %s", strempty(status.iommu_reason));
}

ExitCode verb_groups(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList devices = {0};
        _cleanup_(group_list_clear) GroupList groups = {0};
        int r;

        r = proxy_list_groups(invocation->bus, &groups, &error);
        if (r >= 0)
                r = proxy_list_devices(invocation->bus, &devices, &error);
        if (r >= 0)
                r = print_groups(&invocation->output, &groups, &devices);
        if (r < 0)
                return report_error(r, &error);

        if (groups.count == 0)
                explain_no_groups(invocation);
        return EXIT_DONE;
}

static json_t *devices_to_json(const DeviceList *devices) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < devices->count; i++)
                array = json_append(array, device_row_to_json(&devices->items[i]));
        return json_pack("{s:o}", "devices", array);
}

enum {
        DEVICE_COLUMN_ADDRESS,
        DEVICE_COLUMN_GROUP,
        DEVICE_COLUMN_STATE,
        DEVICE_COLUMN_DRIVER,
        DEVICE_COLUMN_NAMES,
        DEVICE_COLUMN_ID,
        DEVICE_COLUMN_DEVICE,
};

static const Column device_columns[] = {
                [DEVICE_COLUMN_ADDRESS] = {"ADDRESS", 0},
                [DEVICE_COLUMN_GROUP] = {"GROUP", SCOLS_FL_RIGHT},
                [DEVICE_COLUMN_STATE] = {"STATE", 0},
                [DEVICE_COLUMN_DRIVER] = {"DRIVER", 0},
                [DEVICE_COLUMN_NAMES] = {"NAMES", 0},
                [DEVICE_COLUMN_ID] = {"ID", 0},
                [DEVICE_COLUMN_DEVICE] = {"DEVICE", 0},
};

static int add_device_line(const Output *output, struct libscols_table *table, const Device *device) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        char id[sizeof("8086:100e")];
        _cleanup_free_ char *names = NULL, *description = NULL;
        int r;

        names = strv_join(device->names, ",");
        description = device_description(device);
        if (!line || !names || !description)
                return -ENOMEM;
        (void)snprintf(id, sizeof(id), "%04x:%04x", device->vendor, device->device);

        if ((r = cell_set(line, DEVICE_COLUMN_ADDRESS, device->address)) < 0 ||
                        (r = cell_set_group(line, DEVICE_COLUMN_GROUP, device->group)) < 0 ||
                        (r = cell_set_state(output, line, DEVICE_COLUMN_STATE, device->state)) < 0 ||
                        (r = cell_set(line, DEVICE_COLUMN_DRIVER, device->driver)) < 0 ||
                        (r = cell_set(line, DEVICE_COLUMN_NAMES, names)) < 0 ||
                        (r = cell_set(line, DEVICE_COLUMN_ID, id)) < 0)
                return r;
        return cell_set(line, DEVICE_COLUMN_DEVICE, description);
}

static int print_devices(Output *output, const DeviceList *devices) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        int r;

        if (output->json)
                return output_json(output, devices_to_json(devices));

        r = output_table_new(output, device_columns, ELEMENTSOF(device_columns), &table);
        for (size_t i = 0; r >= 0 && i < devices->count; i++)
                r = add_device_line(output, table, &devices->items[i]);
        return r < 0 ? r : output_table(output, table);
}

ExitCode verb_devices(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(device_list_clear) DeviceList devices = {0};
        int r;

        r = proxy_list_devices(invocation->bus, &devices, &error);
        if (r >= 0)
                r = print_devices(&invocation->output, &devices);
        return r < 0 ? report_error(r, &error) : EXIT_DONE;
}
