/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "group-columns.h"

#include "language.h"

static const struct {
        const char *name, *summary;
        Column column;
} all[] = {
                [GROUP_COLUMN_GROUP] = {"GROUP", N_("number of the group, and addresses of its members; always shown"),
                                {"GROUP/ADDRESS", SCOLS_FL_TREE}},
                [GROUP_COLUMN_STATE] = {"STATE", N_("state of the group, and of each member"), {"STATE", 0}},
                [GROUP_COLUMN_AVAILABILITY] = {"AVAILABILITY", N_("whether it can be given to a virtual machine"),
                                {"AVAILABILITY", 0}},
                [GROUP_COLUMN_DRIVER] = {"DRIVER", N_("driver that is bound now"), {"DRIVER", 0}},
                [GROUP_COLUMN_NAMES] = {"NAMES", N_("network interfaces and disks"), {"NAMES", 0}},
                [GROUP_COLUMN_HOLDER] = {"HOLDER", N_("guard that refuses to detach it"), {"HOLDER", 0}},
                [GROUP_COLUMN_REVERTS] = {"REVERTS", N_("when it goes back to the host"), {"REVERTS", 0}},
                [GROUP_COLUMN_DEVICE] = {"DEVICE", N_("vendor and model; in a narrow terminal, only the model"),
                                {"DEVICE", 0}},
};
static_assert(ELEMENTSOF(all) == _GROUP_COLUMN_MAX, "each column has a name");

static void add(GroupColumns *columns, GroupColumn column) {
        if (!group_columns_have(columns, column))
                columns->columns[columns->n++] = column;
}

static GroupColumn find(const char *name, size_t length) {
        GroupColumn column = 0;

        while (column < _GROUP_COLUMN_MAX &&
                        (strlen(all[column].name) != length || strncasecmp(all[column].name, name, length) != 0))
                column++;
        return column;
}

ExitCode group_columns_parse(const char *text, GroupColumns *ret) {
        const char *added = text ? startswith(text, "+") : NULL;
        GroupColumns columns = {.chosen = text && !added};

        add(&columns, GROUP_COLUMN_GROUP);
        for (const char *name = added ?: text; name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL) {
                size_t length = strcspn(name, ",");
                GroupColumn column = find(name, length);

                if (column == _GROUP_COLUMN_MAX)
                        return report_failure(EXIT_USAGE, SD_BUS_ERROR_INVALID_ARGS,
                                        _("there is no column '%.*s': see 'vfioctl groups -o help'"), (int)length,
                                        name);
                if (!added)
                        add(&columns, column);
        }
        for (GroupColumn column = 0; column < _GROUP_COLUMN_MAX && !columns.chosen; column++)
                add(&columns, column);
        *ret = columns;
        return EXIT_DONE;
}

bool group_columns_have(const GroupColumns *columns, GroupColumn column) {
        for (size_t i = 0; i < columns->n; i++)
                if (columns->columns[i] == column)
                        return true;
        return false;
}

const Column *group_column(GroupColumn column) {
        return &all[column].column;
}

const char *group_column_name(size_t i) {
        return i < ELEMENTSOF(all) ? all[i].name : NULL;
}

const char *group_column_summary(size_t i) {
        return i < ELEMENTSOF(all) ? gettext(all[i].summary) : NULL;
}

int group_columns_print_help(Output *output) {
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                fprintf(output->stream, "%-13s %s\n", all[i].name, gettext(all[i].summary));
        return 0;
}
