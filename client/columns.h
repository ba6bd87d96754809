/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "exit-code.h"
#include "output.h"
#include "overview.h"

/* The columns of "list" and "devices". A column is named by its position in the table of all columns. */

#define COLUMNS_MAX 32

typedef struct ColumnChoice {
        size_t columns[COLUMNS_MAX];
        size_t n;
        bool chosen; /* by the user: shown also where all cells are empty */
} ColumnChoice;

/* Reads "ADDRESS,MODEL"; or "+MODEL", which adds to the defaults; or NULL for the defaults, "ADDRESS,...". Returns
 * EXIT_DONE, or EXIT_USAGE after it has printed what is wrong. */
ExitCode columns_parse(const char *text, const char *defaults, ColumnChoice *ret);

/* Reads the column of --sort; "-COLUMN" sorts backwards. Returns EXIT_DONE, or EXIT_USAGE after it has printed what is
 * wrong. */
ExitCode columns_parse_sort(const char *text, size_t *ret_column, bool *ret_backwards);

/* Whether one of the chosen columns is that of this name. */
bool columns_have(const ColumnChoice *choice, const char *name);

/* Whether the column, from columns_parse_sort(), has this name. */
bool columns_is(size_t column, const char *name);

/* Sorts the rows by the text of a column; numbers in it count as numbers. Returns 0 or -ENOMEM. */
int columns_sort(Overview *overview, size_t column, bool backwards);

/* Prints the rows as a table. If it is too wide for the terminal, devices are named without their vendor. Returns 0 or
 * -errno. */
int columns_print(Output *output, const ColumnChoice *choice, const Overview *overview);

/* Return the name of the column at this position, and what it shows; NULL behind the end. */
const char *columns_name(size_t i);
const char *columns_summary(size_t i);

/* Prints the names of all columns with what they show. */
int columns_print_help(Output *output);
