/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "columns.h"
#include "language.h"

#include "present.h"
#include "strv.h"

/* " and 3 more", in any language */
#define MORE_MAX 96

/* What a column needs to know beside the row. */
typedef struct Look {
        bool narrow; /* there is no room for the vendor */
} Look;

typedef struct ListColumn {
        const char *name;
        const char *summary;
        char *(*text)(const Row *row, const Look *look); /* NULL if there is not enough memory */
        int flags;
        bool is_state; /* it has the colour of the state */
} ListColumn;

static char *copy(const char *text) {
        return strdup(strempty(text));
}

static char *address_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->address);
}

static char *availability_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->availability);
}

static char *state_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->state);
}

static char *group_text(const Row *row, const Look *look) {
        char *text;

        (void)look;
        if (row->device->group < 0)
                return copy("-");
        return asprintf(&text, "%i", row->device->group) < 0 ? NULL : text;
}

static char *driver_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->driver);
}

static char *names_text(const Row *row, const Look *look) {
        (void)look;
        return strv_join(row->device->names, ",");
}

/* Up to two companions are listed, without the domain 0000; more are counted. */
static char *companions_text(const Row *row, const Look *look) {
        const char *first, *second;
        char *text;
        int n;

        (void)look;
        if (row->n_companions == 0)
                return copy("");
        if (row->n_companions > 2)
                return asprintf(&text, ngettext("%zu device", "%zu devices", row->n_companions), row->n_companions) < 0
                                ? NULL
                                : text;
        first = strempty(row->companions[0]->address);
        second = row->n_companions == 2 ? strempty(row->companions[1]->address) : "";
        n = asprintf(&text, "%s%s%s", startswith(first, "0000:") ?: first, isempty(second) ? "" : ",",
                        startswith(second, "0000:") ?: second);
        return n < 0 ? NULL : text;
}

/* What the host uses: the evidence; in a narrow terminal, the name of the guard. */
static char *use_text(const Row *row, const Look *look) {
        char more[MORE_MAX] = "", *text;
        const Finding *use = row->uses[0];

        if (row->n_uses > 1 && look->narrow)
                (void)snprintf(more, sizeof(more), "+");
        else if (row->n_uses > 1)
                (void)snprintf(more, sizeof(more), _(" and %zu more"), row->n_uses - 1);
        return asprintf(&text, "%s%s", strempty(look->narrow ? use->guard : use->evidence), more) < 0 ? NULL : text;
}

/* "lease 3 of alice", "qemu-system-x86 (324)", "qemu-system-x86 (324) and 2 more". */
static char *holder_text(const Row *row, const Look *look) {
        const Holder *holder = row->n_holders > 0 ? row->holders[0] : NULL;
        char more[MORE_MAX] = "", *text;
        size_t n_more = row->n_holders > 0 ? row->n_holders - 1 : 0;
        int n;

        if (row->lease) {
                _cleanup_free_ char *user = user_in_words(row->lease->uid);

                if (!user)
                        return NULL;
                return asprintf(&text, _("lease %u of %s"), row->lease->number, user) < 0 ? NULL : text;
        }
        if (!holder)
                return row->n_uses > 0 ? use_text(row, look) : copy("");
        for (size_t i = 0; i < row->n_holders; i++)
                n_more += row->holders[i]->more;
        if (n_more > 0)
                (void)snprintf(more, sizeof(more), _(" and %zu more"), n_more);
        if (holder->pid == 0) /* vfiod tells nothing else about it */
                n = asprintf(&text, "%s%s", strempty(holder->command), more);
        else
                n = asprintf(&text, "%s (%u)%s", isempty(holder->command) ? _("process") : holder->command, holder->pid,
                                more);
        return n < 0 ? NULL : text;
}

static char *category_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->category);
}

static char *class_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->class_name);
}

static char *id_text(const Row *row, const Look *look) {
        char *text;

        (void)look;
        return asprintf(&text, "%04x:%04x", row->device->vendor, row->device->device) < 0 ? NULL : text;
}

static char *vendor_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->vendor_name);
}

static char *model_text(const Row *row, const Look *look) {
        (void)look;
        return device_model(row->device);
}

static char *device_text(const Row *row, const Look *look) {
        return look->narrow ? device_model(row->device) : device_description(row->device);
}

static char *rule_text(const Row *row, const Look *look) {
        (void)look;
        return copy(row->device->rule);
}

static const ListColumn all[] = {
                {"ADDRESS", N_("address"), address_text, 0, false},
                {"AVAILABILITY", N_("whether it can be given to a virtual machine"), availability_text, 0, true},
                {"STATE", N_("state of the device"), state_text, 0, true},
                {"GROUP", N_("number of the IOMMU group"), group_text, SCOLS_FL_RIGHT, false},
                {"DRIVER", N_("driver that is bound now"), driver_text, 0, false},
                {"NAMES", N_("network interfaces and disks"), names_text, 0, false},
                {"WITH", N_("other devices of the group, which go along"), companions_text, 0, false},
                {"HOLDER", N_("lease, process that has it open, or what the host uses"), holder_text, 0, false},
                {"RULE", N_("rule that detaches it"), rule_text, 0, false},
                {"CATEGORY", N_("what it is, in one word"), category_text, 0, false},
                {"CLASS", N_("what it is, in words of the hardware database"), class_text, 0, false},
                {"ID", N_("vendor and device id"), id_text, 0, false},
                {"VENDOR", N_("name of the vendor"), vendor_text, 0, false},
                {"MODEL", N_("name of the model"), model_text, 0, false},
                {"DEVICE", N_("vendor and model; in a narrow terminal, only the model"), device_text, 0, false},
};
static_assert(ELEMENTSOF(all) <= COLUMNS_MAX, "a choice has room for all columns");

/* Finds the column with the first length characters of this name. Returns ELEMENTSOF(all) if there is none. */
static size_t find_column(const char *name, size_t length) {
        size_t i;

        for (i = 0; i < ELEMENTSOF(all); i++)
                if (strlen(all[i].name) == length && strncasecmp(all[i].name, name, length) == 0)
                        break;
        return i;
}

static ExitCode refuse_column(const char *name, size_t length) {
        return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS,
                        _("there is no column '%.*s': see 'vfioctl list -o help'"), (int)length, name);
}

static ExitCode add_columns(const char *text, ColumnChoice *choice) {
        for (const char *name = text; name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL) {
                size_t length = strcspn(name, ","), column = find_column(name, length);
                bool known = false;

                if (column == ELEMENTSOF(all))
                        return refuse_column(name, length);
                for (size_t i = 0; i < choice->n; i++)
                        known = known || choice->columns[i] == column;
                if (!known)
                        choice->columns[choice->n++] = column;
        }
        return EXIT_DONE;
}

ExitCode columns_parse(const char *text, const char *defaults, ColumnChoice *ret) {
        const char *added = text ? startswith(text, "+") : NULL;
        ColumnChoice choice = {.chosen = text && !added};
        ExitCode code = EXIT_DONE;

        if (!text || added)
                code = add_columns(defaults, &choice);
        if (text && code == EXIT_DONE)
                code = add_columns(added ?: text, &choice);
        *ret = choice;
        return code;
}

ExitCode columns_parse_sort(const char *text, size_t *ret_column, bool *ret_backwards) {
        const char *name = startswith(text, "-") ?: text;

        *ret_backwards = name != text;
        *ret_column = find_column(name, strlen(name));
        return *ret_column == ELEMENTSOF(all) ? refuse_column(name, strlen(name)) : EXIT_DONE;
}

bool columns_have(const ColumnChoice *choice, const char *name) {
        for (size_t i = 0; i < choice->n; i++)
                if (streq(all[choice->columns[i]].name, name))
                        return true;
        return false;
}

bool columns_is(size_t column, const char *name) {
        return streq(all[column].name, name);
}

/* A row with its key for sorting. */
typedef struct Keyed {
        Row row;
        char *key;
} Keyed;

static int compare_positions(const Keyed *a, const Keyed *b) {
        return (a->row.position > b->row.position) - (a->row.position < b->row.position);
}

static int compare_numbers(const void *a, const void *b) {
        const Keyed *row_a = a, *row_b = b;
        int difference = strverscmp(row_a->key, row_b->key);

        return difference != 0 ? difference : compare_positions(row_a, row_b);
}

static int compare_texts(const void *a, const void *b) {
        const Keyed *row_a = a, *row_b = b;
        int difference = strcmp(row_a->key, row_b->key);

        return difference != 0 ? difference : compare_positions(row_a, row_b);
}

int columns_sort(Overview *overview, size_t column, bool backwards) {
        static const Look look = {0};
        size_t n = overview->n_rows;
        _cleanup_free_ Keyed *keyed = calloc(n + 1, sizeof(Keyed));
        int r = keyed ? 0 : -ENOMEM;

        for (size_t i = 0; i < n && r >= 0; i++) {
                keyed[i].row = overview->rows[i];
                /* vfiod sorts addresses as numbers, also those with long domains. */
                keyed[i].key = streq(all[column].name, "ADDRESS") ? strdup("")
                                                                  : all[column].text(&overview->rows[i], &look);
                r = keyed[i].key ? 0 : -ENOMEM;
        }
        /* The numbers in ids are hexadecimal. */
        if (r >= 0 && n > 0)
                qsort(keyed, n, sizeof(Keyed), streq(all[column].name, "ID") ? compare_texts : compare_numbers);
        for (size_t i = 0; keyed && i < n; i++) {
                if (r >= 0)
                        overview->rows[backwards ? n - 1 - i : i] = keyed[i].row;
                free(keyed[i].key);
        }
        return r;
}

/* Drops the columns that would be empty in all rows. */
static int drop_empty(ColumnChoice *choice, const Overview *overview) {
        static const Look look = {0};
        size_t n = 0;

        for (size_t i = 0; i < choice->n; i++) {
                bool used = false;

                for (size_t k = 0; k < overview->n_rows && !used; k++) {
                        _cleanup_free_ char *text = all[choice->columns[i]].text(&overview->rows[k], &look);

                        if (!text)
                                return -ENOMEM;
                        used = !isempty(text);
                }
                if (used)
                        choice->columns[n++] = choice->columns[i];
        }
        choice->n = n;
        return 0;
}

static int add_line(const Output *output, struct libscols_table *table, const ColumnChoice *choice, const Row *row,
                const Look *look) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        int r = line ? 0 : -ENOMEM;

        for (size_t i = 0; i < choice->n && r >= 0; i++) {
                const ListColumn *column = &all[choice->columns[i]];
                _cleanup_free_ char *text = column->text(row, look);

                if (!text)
                        return -ENOMEM;
                r = column->is_state ? cell_set_state(output, line, i, text) : cell_set(line, i, text);
        }
        return r;
}

static int make_table(const Output *output, const ColumnChoice *choice, const Overview *overview, const Look *look,
                struct libscols_table **ret_table) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL;
        Column columns[COLUMNS_MAX];
        int r;

        for (size_t i = 0; i < choice->n; i++)
                columns[i] = (Column){all[choice->columns[i]].name, all[choice->columns[i]].flags};
        r = output_table_new(output, columns, choice->n, &table);
        for (size_t i = 0; i < overview->n_rows && r >= 0; i++)
                r = add_line(output, table, choice, &overview->rows[i], look);
        if (r >= 0)
                *ret_table = TAKE_PTR(table);
        return r;
}

int columns_print(Output *output, const ColumnChoice *choice, const Overview *overview) {
        _cleanup_(scols_table_unrefp) struct libscols_table *table = NULL, *narrow = NULL;
        ColumnChoice shown = *choice;
        int r = 0;

        if (overview->n_rows == 0)
                return 0;
        if (!choice->chosen)
                r = drop_empty(&shown, overview);
        if (r >= 0)
                r = make_table(output, &shown, overview, &(Look){.narrow = false}, &table);
        if (r < 0)
                return r;
        if (output_table_fits(table))
                return output_table(output, table);
        r = make_table(output, &shown, overview, &(Look){.narrow = true}, &narrow);
        return r < 0 ? r : output_table(output, narrow);
}

int columns_print_help(Output *output) {
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                fprintf(output->stream, "%-13s %s\n", all[i].name, gettext(all[i].summary));
        return 0;
}

const char *columns_name(size_t i) {
        return i < ELEMENTSOF(all) ? all[i].name : NULL;
}

const char *columns_summary(size_t i) {
        return i < ELEMENTSOF(all) ? gettext(all[i].summary) : NULL;
}
