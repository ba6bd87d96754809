/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What was done, for the one who has to find out why it ended badly: whenever the program aborts, the seed, the last operations and the end
 * of the daemon's log are printed. */

/* Forgets all. The log's file may grow meanwhile. verbose: each operation is printed when it is done. */
void history_begin(guint32 seed, unsigned n_operations, const char *log, bool verbose);

/* A new operation, and what more happened in it. */
void history_add(const char *format, ...) G_GNUC_PRINTF(1, 2);
void history_note(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Operations since the beginning. */
unsigned history_count(void);
