/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/base/util.h"

/* Output to the terminal. The daemon escapes names of the host, and the decoders escape them again. But what the
 * terminal gets must not depend on that. So it is escaped once more here, which does not change what is already
 * escaped. */

/* Tells whether the character set of the terminal is UTF-8. Otherwise, only ASCII is printed, and the rest is
 * escaped. */
bool terminal_takes_utf8(void);

/* Tells whether the process was started with this signal ignored. A shell without job control starts background
 * processes with interrupts ignored. They must stay ignored. */
bool terminal_ignores(int signal);

/* Returns the text, escaped as a message for the terminal. The caller frees it. NULL if there is not enough memory. */
char *terminal_text(const char *text);

/* Prints several lines to stderr, and adds the last line break. */
void terminal_say_lines(const char *lines);

/* Prints one line to stderr, and adds the line break. */
void terminal_say(const char *format, ...) _printf_(1, 2);
