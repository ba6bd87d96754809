/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/base/util.h"

/* What a terminal gets. The daemon escapes what others named, and the decoders escape it again when they read it. The terminal shall not depend
 * on that: it is escaped once more here, which changes nothing where it was done. */

/* Whether the terminal's character set is UTF-8. Else only ASCII is printed, and the rest is escaped. */
bool terminal_takes_utf8(void);

/* The text, escaped as a message for the terminal; to be freed. NULL where memory is short. */
char *terminal_text(const char *text);

/* Prints one line on stderr; the line's end is added. */
void terminal_say(const char *format, ...) _printf_(1, 2);
