/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A history of the operations, to analyse a failure. When the program aborts, it prints the seed, the last
 * operations and the end of the daemon's log. */

/* Clears the history. The log may grow meanwhile. verbose: prints each operation when it is done. */
void history_begin(guint32 seed, unsigned n_operations, const char *log, bool verbose);

/* Adds a new operation, or a note to the current operation. */
void history_add(const char *format, ...) G_GNUC_PRINTF(1, 2);
void history_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The number of operations since history_begin(). */
unsigned history_count(void);
