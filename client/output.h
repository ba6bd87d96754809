/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/base/util.h"

#include <jansson.h>
#include <libsmartcols.h>

/* Where the verbs print. All of it is collected and written at the end in one go, so that a write error is seen once,
 * in one place. */
typedef struct Output {
        FILE *stream;
        char *text;
        size_t size;

        bool json;
        bool legend;
        bool quiet; /* no results of changes, no remarks */
        bool color;
} Output;

/* Prepares the output. Returns 0 or -errno. */
int output_open(Output *ret_output);

/* Writes what was collected to stdout. Returns 0 or -errno; a reader that has left is no error. */
int output_finish(Output *output);

/* Frees all, and drops what was not written. */
void output_clear(Output *output);

/* Prints a document, which may be NULL where memory was short, and frees it. Returns 0 or -errno. */
int output_json(Output *output, json_t *document);

/* Prints "key: value"; the values stand in one column. With an empty key it continues the value above. */
void output_field(Output *output, const char *key, const char *format, ...) _printf_(3, 4);

/* The terminal's sequence for the colour of a state, "" for none. */
const char *output_state_color(const Output *output, const char *state);

/* What ends a coloured text, "" where there are no colours. */
const char *output_color_reset(const Output *output);

/* A column of a table. The last one is cut where the terminal ends, unless it is to be wrapped. */
typedef struct Column {
        const char *name;
        int flags; /* SCOLS_FL_* */
} Column;

/* A table with these columns, without lines. Returns 0 or -errno. */
int output_table_new(const Output *output, const Column *columns, size_t n_columns, struct libscols_table **ret_table);

/* Prints the table. Returns 0 or -errno. */
int output_table(Output *output, struct libscols_table *table);

static inline void scols_table_unrefp(struct libscols_table **table) {
        scols_unref_table(*table);
}
