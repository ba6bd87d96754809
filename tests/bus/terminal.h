/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process.h"

/* A terminal, from the user's side: the test reads what programs print and types keys. Every wait has a deadline. */

typedef struct Terminal Terminal;

Terminal *terminal_open(unsigned columns);
/* Returns NULL. */
Terminal *terminal_close(Terminal *terminal);

/* Starts a program with the terminal as its stdin, stderr and controlling terminal; stdout is a pipe, as in
 * process_start(). */
Process *terminal_start(Terminal *terminal, const char *const *argv, const char *const *environment);

/* The same, and its stdout is the terminal, too. */
Process *terminal_start_all(Terminal *terminal, const char *const *argv, const char *const *environment);

/* Waits until the terminal shows the text after everything that was waited for before. Returns the new output,
 * including the text. */
char *terminal_expect(Terminal *terminal, const char *text);
/* All output until the program has ended. Call this before process_finish(). */
char *terminal_read_rest(Terminal *terminal);

/* "\x03" is Ctrl-C. */
void terminal_type(Terminal *terminal, const char *keys);
