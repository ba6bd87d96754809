/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <limits.h>

/* Names of the host (network interfaces, drivers, disks, processes, mount points, files) can contain any byte. Inside vfiod
 * they stay unchanged. On the bus, in JSON, in the log and on a terminal they are escaped, always in the same way:
 *
 *   \xNN, two lower-case hexadecimal digits, stands for one byte. Escaped are:
 *   - bytes that are not valid UTF-8, and the noncharacters of Unicode (D-Bus refuses both);
 *   - control characters (U+0000-U+001F, U+007F-U+009F);
 *   - characters that change the direction or the lines of a text, or are invisible: U+061C, U+200B, U+200E, U+200F,
 *     U+2028-U+202E, U+2060-U+206F, U+FEFF, U+FFF9-U+FFFB, U+E0000-U+E007F;
 *   - in names: the backslash itself, so that text_unescape() can restore the name. */

typedef enum TextEscape {
        TEXT_NAME_ESCAPE,    /* for a name: reversible */
        TEXT_MESSAGE_ESCAPE, /* for a text that may quote escaped names: backslashes stay, so escaping twice is safe */
        TEXT_ASCII_ESCAPE,   /* like a message, but escapes all that is not ASCII: for terminals without UTF-8 */
} TextEscape;

/* Buffer size for the escaped form of a name of this length, with its NUL byte. */
#define TEXT_ESCAPED_MAX(length) (4 * (length) + 1)

/* Escapes the text into the buffer. A text that does not fit is cut between two characters. Returns the buffer. */
const char *text_escape(const char *text, TextEscape kind, char *buffer, size_t size);

/* The same, but returns new memory, which the caller frees; or NULL if there is not enough memory. */
char *text_escape_new(const char *text, TextEscape kind);

/* Escapes *text as a message. If that changes the text, frees it and replaces it. Returns 0 or -ENOMEM. */
int text_escape_message(char **text);

/* Formats a message and escapes it. The caller frees *ret. Returns 0 or -ENOMEM. */
int text_format_message(char **ret, const char *format, va_list arguments) _printf_(2, 0);

/* Returns an escaped name, valid until the end of the block. The name has at most NAME_MAX bytes; NULL counts as "". */
#define TEXT_NAME(name) \
        text_escape(strempty(name), TEXT_NAME_ESCAPE, (char[TEXT_ESCAPED_MAX(NAME_MAX)]){}, TEXT_ESCAPED_MAX(NAME_MAX))

/* Finds the first byte that would be escaped in a message. Returns NULL if there is none. */
const char *text_find_escaped(const char *text);

/* Restores the name from its escaped form. The caller frees *ret. Returns 0; -EINVAL if a backslash does not begin an
 * escape, or if an escape stands for the byte 0; or -ENOMEM. */
int text_unescape(const char *escaped, char **ret);

/* Copies the beginning of a text from a caller into buffer, escaped as a message. If the text is longer, cuts it between two
 * characters and appends "...". size is the size of the buffer, at least 4. Returns buffer. */
const char *text_excerpt(const char *text, char *buffer, size_t size);
#define TEXT_EXCERPT_MAX 64
#define TEXT_EXCERPT(text) text_excerpt(text, (char[TEXT_EXCERPT_MAX]){}, TEXT_EXCERPT_MAX)
