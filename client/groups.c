/* SPDX-License-Identifier: GPL-2.0-or-later */
/* groups: the tree of all IOMMU groups and their members. */
#include "filter.h"
#include "group-columns.h"
#include "language.h"
#include "overview.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
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

static void write_member(JsonWriter *writer, const Index *index, char *address) {
        const Device *device = index_find(index, address);

        json_begin(writer, NULL, '{');
        device_row_write(writer, device ? device : &(const Device){.address = address, .group = -1});
        json_end(writer, '}');
}

/* What makes a detach of the group fail. Null if that is not known. */
static json_t *findings_to_json(const Overview *overview, int32_t group) {
        json_t *array = overview->uses_known ? json_array() : json_null();
        size_t n;
        const Finding *const *findings = overview_find_findings(overview, group, &n);

        for (size_t i = 0; array && i < n; i++)
                array = json_append(array, finding_to_json(findings[i]));
        return array;
}

static bool has_endpoint(const Group *group, const Index *index, const char *availability) {
        for (char **address = group->members; address && *address; address++) {
                const Device *device = index_find(index, *address);

                if (device && device->endpoint && streq_ptr(device->availability, availability))
                        return true;
        }
        return false;
}

/* The availability of the group; NULL if it is not known, because nobody asked whether the host uses it. */
static const char *find_availability(const Group *group, const Overview *overview, const Index *index) {
        /* As in daemon/model/availability.c: the first of these that an endpoint has. */
        static const char *const order[] = {"stuck", "changing", "leased", "not-viable", "no-group", "partial",
                        "available", "foreign", "detached"};

        if (overview->uses_known || overview->unknown)
                return overview_find_availability(overview, group->number);
        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                if (has_endpoint(group, index, order[i]))
                        return streq(order[i], "available") ? NULL : order[i];
        return "host-only";
}

static void write_group(JsonWriter *writer, const Group *group, const Overview *overview, const Index *index) {
        json_begin(writer, NULL, '{');
        group_row_write(writer, group);
        json_begin(writer, "members", '[');
        for (char **address = group->members; address && *address; address++)
                write_member(writer, index, *address);
        json_end(writer, ']');
        group_revert_write(writer, group);
        json_write_text(writer, "availability", find_availability(group, overview, index));
        json_write_value(writer, "findings", findings_to_json(overview, group->number));
        json_end(writer, '}');
}

static int print_json(Output *output, const GroupList *groups, const Overview *overview, const Index *index) {
        JsonWriter writer = {.stream = output->stream, .compact = output->lines};

        json_begin(&writer, NULL, '{');
        json_begin(&writer, "groups", '[');
        for (size_t i = 0; i < groups->count; i++)
                write_group(&writer, &groups->items[i], overview, index);
        json_end(&writer, ']');
        json_end(&writer, '}');
        return json_finish(&writer);
}

/* The tree while it is made. */
typedef struct Tree {
        const Output *output;
        const Overview *overview;
        const Index *index;
        const GroupColumns *columns;
        bool narrow;                   /* there is no room for the vendor */
        bool used[_GROUP_COLUMN_MAX];  /* a cell is not empty */
        bool shown[_GROUP_COLUMN_MAX]; /* in the table */
        size_t positions[_GROUP_COLUMN_MAX];
        struct libscols_table *table; /* NULL while the tree only notes which columns are used */
} Tree;

/* Fills one cell; an empty text leaves it blank. Without a table, notes that the column is used. */
static int set(Tree *tree, struct libscols_line *line, size_t column, const char *text) {
        if (!tree->table)
                tree->used[column] |= !isempty(text);
        else if (tree->shown[column] && (column == GROUP_COLUMN_STATE || column == GROUP_COLUMN_AVAILABILITY))
                return cell_set_state(tree->output, line, tree->positions[column], text);
        else if (tree->shown[column])
                return cell_set(line, tree->positions[column], text);
        return 0;
}

/* Names the guard that keeps the device: nothing if there is no room. */
static int set_holder(Tree *tree, struct libscols_line *line, const Device *device) {
        size_t n;
        const Finding *const *findings = overview_find_findings(tree->overview, device->group, &n);

        for (size_t i = 0; i < n && (!tree->narrow || tree->columns->chosen); i++)
                if (streq_ptr(findings[i]->address, device->address) && findings[i]->options &&
                                streq_ptr(findings[i]->options[0], "override"))
                        return set(tree, line, GROUP_COLUMN_HOLDER, findings[i]->guard);
        return 0;
}

static int add_line(Tree *tree, struct libscols_line *parent, struct libscols_line **ret_line) {
        *ret_line = tree->table ? scols_table_new_line(tree->table, parent) : NULL;
        return tree->table && !*ret_line ? -ENOMEM : 0;
}

static int add_member(Tree *tree, struct libscols_line *parent, char *address) {
        const Device *device = index_find(tree->index, address);
        _cleanup_free_ char *names = NULL, *description = NULL;
        struct libscols_line *line;
        int r;

        r = add_line(tree, parent, &line);
        if (r >= 0)
                r = set(tree, line, GROUP_COLUMN_GROUP, address);
        if (r < 0 || !device)
                return r;

        names = strv_join(device->names, ",");
        description = tree->narrow ? device_model(device) : device_description(device);
        if (!names || !description)
                return -ENOMEM;
        if ((r = set(tree, line, GROUP_COLUMN_STATE, device->state)) < 0 ||
                        (r = set(tree, line, GROUP_COLUMN_DRIVER, device->driver)) < 0 ||
                        (r = set(tree, line, GROUP_COLUMN_NAMES, names)) < 0 ||
                        (r = set_holder(tree, line, device)) < 0)
                return r;
        return set(tree, line, GROUP_COLUMN_DEVICE, description);
}

static int add_group(Tree *tree, const Group *group) {
        char number[sizeof("-2147483648")], reverts[REVERT_TEXT_MAX];
        struct libscols_line *line;
        int r;

        (void)snprintf(number, sizeof(number), "%i", group->number);
        if ((r = add_line(tree, NULL, &line)) < 0 || (r = set(tree, line, GROUP_COLUMN_GROUP, number)) < 0 ||
                        (r = set(tree, line, GROUP_COLUMN_STATE, group->state)) < 0 ||
                        (r = set(tree, line, GROUP_COLUMN_AVAILABILITY,
                                         overview_find_availability(tree->overview, group->number))) < 0 ||
                        (r = set(tree, line, GROUP_COLUMN_REVERTS,
                                         group->revert_at_us > 0 ? revert_time(group->revert_at_us, reverts) : "")) < 0)
                return r;

        for (char **address = group->members; address && *address && r >= 0; address++)
                r = add_member(tree, line, *address);
        return r;
}

static int add_groups(Tree *tree, const GroupList *groups) {
        int r = 0;

        for (size_t i = 0; i < groups->count && r >= 0; i++)
                r = add_group(tree, &groups->items[i]);
        return r;
}

/* Makes the table of the columns that are used. */
static int make_table(Tree *tree, const GroupList *groups, struct libscols_table **ret_table) {
        Column used[_GROUP_COLUMN_MAX];
        size_t n = 0;
        int r;

        for (size_t i = 0; i < tree->columns->n; i++) {
                GroupColumn column = tree->columns->columns[i];

                tree->shown[column] = tree->columns->chosen ||
                                (tree->used[column] && !(tree->narrow && column == GROUP_COLUMN_HOLDER));
                if (!tree->shown[column])
                        continue;
                tree->positions[column] = n;
                used[n++] = *group_column(column);
        }
        r = output_table_new(tree->output, used, n, ret_table);
        tree->table = *ret_table;
        return r < 0 ? r : add_groups(tree, groups);
}

static int print_tree(Output *output, const GroupList *groups, const Index *index, const GroupColumns *columns,
                const Overview *overview) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL, *narrow = NULL;
        Tree tree = {.output = output, .overview = overview, .index = index, .columns = columns};
        int r;

        if (groups->count == 0)
                return 0;
        r = add_groups(&tree, groups);
        if (r >= 0)
                r = make_table(&tree, groups, &table);
        if (r < 0)
                return r;
        if (output_table_fits(table))
                return output_table(output, table);
        tree.narrow = true;
        r = make_table(&tree, groups, &narrow);
        return r < 0 ? r : output_table(output, narrow);
}

static int print_groups(
                Output *output, const GroupList *groups, const GroupColumns *columns, const Overview *overview) {
        _cleanup_(index_clear) Index index = {0};
        int r;

        r = index_fill(&index, &overview->devices);
        if (r < 0)
                return r;
        return output->json ? print_json(output, groups, overview, &index)
                            : print_tree(output, groups, &index, columns, overview);
}

static int compare_numbers(const void *a, const void *b) {
        const int32_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Drops the groups of which the user asked for no member. */
static int drop_groups(GroupList *groups, const Overview *overview) {
        _cleanup_free_ int32_t *wanted = calloc(overview->n_rows + 1, sizeof(int32_t));
        size_t n = 0;

        if (!wanted)
                return -ENOMEM;
        for (size_t i = 0; i < overview->n_rows; i++)
                wanted[i] = overview->rows[i].device->group;
        qsort(wanted, overview->n_rows, sizeof(int32_t), compare_numbers);
        for (size_t i = 0; i < groups->count; i++)
                if (bsearch(&groups->items[i].number, wanted, overview->n_rows, sizeof(int32_t), compare_numbers))
                        groups->items[n++] = TAKE_STRUCT(groups->items[i]);
                else
                        group_clear(&groups->items[i]);
        groups->count = n;
        return 0;
}

/* Users expect groups. If there are none, they need to know why. */
static void explain_no_groups(Invocation *invocation) {
        _cleanup_(status_clear) Status status = {0};

        if (!invocation->output.quiet && proxy_get_status(invocation->bus, &status, NULL) >= 0)
                terminal_say(_("vfioctl: there are no IOMMU groups: %s"), strempty(status.iommu_reason));
}

/* The survey of what the host uses takes longer than all the rest: it is left out if its columns are. */
static unsigned find_wishes(const Invocation *invocation, const GroupColumns *columns) {
        const ListOptions *options = &invocation->list;
        bool is_shown = group_columns_have(columns, GROUP_COLUMN_AVAILABILITY) ||
                        group_columns_have(columns, GROUP_COLUMN_HOLDER);

        return OVERVIEW_QUICK |
                        (is_shown || options->available || options->states ? OVERVIEW_USES | OVERVIEW_GROUPS : 0);
}

ExitCode verb_groups(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(overview_clear) Overview overview = {0};
        _cleanup_(group_list_clear) GroupList groups = {0};
        GroupColumns columns;
        ExitCode code;
        size_t n_all;
        int r;

        if (streq_ptr(invocation->list.columns, "help"))
                return group_columns_print_help(&invocation->output) < 0 ? EXIT_FAILED : EXIT_DONE;
        if ((code = group_columns_parse(invocation->list.columns, &columns)) == EXIT_DONE)
                code = filter_check(&invocation->list);
        if (code == EXIT_DONE)
                code = invocation_connect(invocation);
        if (code != EXIT_DONE)
                return code;
        r = proxy_list_groups(invocation->bus, &groups, &error);
        if (r >= 0)
                r = overview_get(invocation->bus, find_wishes(invocation, &columns), &overview, &error);
        if (r < 0)
                return report_error(r, &error);
        overview_tell_missing(&overview, invocation->output.quiet);
        n_all = groups.count;
        code = filter_rows(invocation, false, &overview);
        if (code != EXIT_DONE)
                return code;
        if (overview.n_rows < overview.devices.count)
                r = drop_groups(&groups, &overview);
        if (r >= 0)
                r = print_groups(&invocation->output, &groups, &columns, &overview);
        if (r < 0)
                return report_error(r, NULL);
        if (n_all == 0)
                explain_no_groups(invocation);
        return EXIT_DONE;
}
