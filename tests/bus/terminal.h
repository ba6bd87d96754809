/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "process.h"

/* A terminal, as the user's: what programs print there can be read, and keys can be typed. Every wait has a
 * deadline. */

typedef struct Terminal Terminal;

Terminal *terminal_open(unsigned columns);
/* Returns NULL. */
Terminal *terminal_close(Terminal *terminal);

/* Starts a program with the terminal as its stdin, stderr and controlling terminal; stdout is a pipe, as in
 * process_start(). */
Process *terminal_start(Terminal *terminal, const char *const *argv, const char *const *environment);

/* Waits until the terminal shows the text behind all that was waited for before. Returns what came, the text
 * included. */
char *terminal_expect(Terminal *terminal, const char *text);
/* All that comes until the program has ended. To be called before process_finish(). */
char *terminal_read_rest(Terminal *terminal);

/* "\x03" is Ctrl-C. */
void terminal_type(Terminal *terminal, const char *keys);
