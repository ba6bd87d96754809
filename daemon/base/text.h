/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <limits.h>

/* Names of the host (network interfaces, drivers, disks, processes, mount points, files) may hold any byte. Inside vfiod they stay as they
 * are. Wherever others see them, on the bus, in JSON, in the log and on a terminal, they are escaped in one way:
 *
 *   \xNN, two lower-case hexadecimal digits, stands for one byte. Escaped are:
 *   - bytes that are not valid UTF-8, and what Unicode calls no character (D-Bus takes neither);
 *   - control characters (U+0000-U+001F, U+007F-U+009F);
 *   - characters that change the direction or the lines of a text, or are invisible: U+061C, U+200B, U+200E, U+200F, U+2028-U+202E,
 *     U+2060-U+206F, U+FEFF, U+FFF9-U+FFFB, U+E0000-U+E007F;
 *   - in names: the backslash itself, so that text_unescape() gives the name back. */

typedef enum TextEscape {
        TEXT_NAME_ESCAPE, /* for a name: reversible */
        TEXT_MESSAGE_ESCAPE, /* for a text that may quote escaped names: backslashes stay, so that doing it twice changes nothing */
        TEXT_ASCII_ESCAPE, /* like a message, and what is not ASCII is escaped too: for terminals without UTF-8 */
} TextEscape;

/* Longest escaped form of a name of so many bytes, with its end. */
#define TEXT_ESCAPED_MAX(length) (4 * (length) + 1)

/* Escapes the text into the buffer. A text that does not fit is cut between two characters. Returns the buffer. */
const char *text_escape(const char *text, TextEscape kind, char *buffer, size_t size);

/* The same, into new memory that is the caller's to free. Returns NULL where memory is short. */
char *text_escape_new(const char *text, TextEscape kind);

/* Escapes *text, which is allocated, as a message: it is replaced where that changes it. Returns 0 or -ENOMEM. */
int text_escape_message(char **text);

/* A name of at most NAME_MAX bytes, escaped, for the time of the block; NULL counts as "". */
#define TEXT_NAME(name) \
        text_escape(strempty(name), TEXT_NAME_ESCAPE, (char[TEXT_ESCAPED_MAX(NAME_MAX)]){}, TEXT_ESCAPED_MAX(NAME_MAX))

/* Finds the first byte that a message would not show as it is. Returns NULL where there is none. */
const char *text_find_escaped(const char *text);

/* The name that an escaped one stands for, to be freed by the caller. Returns 0; -EINVAL where a backslash does not begin an escape, or an
 * escape stands for the byte 0; -ENOMEM. */
int text_unescape(const char *escaped, char **ret);

/* Copies the beginning of a text that a caller chose into buffer, fit for a message: escaped as a message, and with "..." at the end where
 * the text was cut. It is cut between two characters. size is that of the buffer, at least 4. Returns the buffer. */
const char *text_excerpt(const char *text, char *buffer, size_t size);
#define TEXT_EXCERPT_MAX 64
#define TEXT_EXCERPT(text) text_excerpt(text, (char[TEXT_EXCERPT_MAX]){}, TEXT_EXCERPT_MAX)
