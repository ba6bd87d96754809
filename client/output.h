/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/base/util.h"

#include <jansson.h>
#include <libsmartcols.h>

/* The output of a verb. It is collected in memory and written at the end, so that a write error is handled in one
 * place. */
typedef struct Output {
        FILE *stream;
        char *text;
        size_t size;

        bool json;
        bool lines; /* each JSON document is one line */
        bool legend;
        bool quiet; /* --quiet: print no results of changes, and no remarks */
        bool color;
        bool pager; /* show a long output in a pager, if stdout is a terminal */
} Output;

/* Prepares the output. Returns 0 or -errno. */
int output_open(Output *ret_output);

/* Sets whether there are colours: "auto" (as after output_open(): the environment and the terminal decide), "always" or "never".
 * Returns 0, or -EINVAL for another text. */
int output_set_color(Output *output, const char *when);

/* Writes the collected output to stdout. Returns 0 or -errno; a reader that has closed the pipe is no error. */
int output_finish(Output *output);

/* Frees everything. Output that was not written is lost. */
void output_clear(Output *output);

/* Prints a JSON document and frees it. A NULL document means that there was not enough memory. Returns 0 or
 * -ENOMEM. */
int output_json(Output *output, json_t *document);

/* Prints "key: value"; all values begin in the same column. An empty key continues the list of values above. */
void output_field(Output *output, const char *key, const char *format, ...) _printf_(3, 4);

/* Returns the terminal's escape sequence for the colour of a state; "" for none. */
const char *output_state_color(const Output *output, const char *state);

/* Returns the escape sequence that ends a coloured text; "" if there are no colours. */
const char *output_color_reset(const Output *output);

/* A column of a table. The last column is cut to the width of the terminal, unless it has SCOLS_FL_WRAP. */
typedef struct Column {
        const char *name;
        int flags; /* SCOLS_FL_* */
} Column;

/* Makes a table with these columns and without lines. Returns 0 or -errno. */
int output_table_new(const Output *output, const Column *columns, size_t n_columns, struct libscols_table **ret_table);

/* Whether no line of the table is longer than the terminal is wide; always true without a terminal. */
bool output_table_fits(struct libscols_table *table);

/* Prints the table. Returns 0 or -errno. */
int output_table(Output *output, struct libscols_table *table);

static inline void scols_table_unrefp(struct libscols_table **table) {
        scols_unref_table(*table);
}
