/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "exit-code.h"
#include "output.h"

/* The columns of "groups". */

typedef enum GroupColumn {
        GROUP_COLUMN_GROUP, /* the tree: always the first */
        GROUP_COLUMN_STATE,
        GROUP_COLUMN_AVAILABILITY,
        GROUP_COLUMN_DRIVER,
        GROUP_COLUMN_NAMES,
        GROUP_COLUMN_HOLDER,
        GROUP_COLUMN_REVERTS,
        GROUP_COLUMN_DEVICE,
        _GROUP_COLUMN_MAX,
} GroupColumn;

typedef struct GroupColumns {
        GroupColumn columns[_GROUP_COLUMN_MAX];
        size_t n;
        bool chosen; /* by the user: shown also where all cells are empty */
} GroupColumns;

/* Reads "STATE,HOLDER"; or "+HOLDER", which adds to all columns and so chooses these; or NULL for all columns. Returns EXIT_DONE, or
 * EXIT_USAGE after it has printed what is wrong. */
ExitCode group_columns_parse(const char *text, GroupColumns *ret);

bool group_columns_have(const GroupColumns *columns, GroupColumn column);

/* Returns the column with this heading; and its heading, and what it shows, NULL behind the end. */
const Column *group_column(GroupColumn column);
const char *group_column_name(size_t i);
const char *group_column_summary(size_t i);

/* Prints the names of all columns with what they show. */
int group_columns_print_help(Output *output);
