/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Text in lines, and its width on a terminal: a Chinese character has two columns. LC_CTYPE must be set. */

/* Returns the number of columns of the text, which is one line. */
size_t wrap_width(const char *text);

/* Returns a copy of the text with line breaks, so that each line has at most width columns. The caller frees it. NULL if there is
 * not enough memory. A break replaces a blank, or comes beside a character of two columns: languages with such characters have no
 * blanks. A longer word has a line of its own. With width 0, each word has. */
char *wrap_words(const char *text, size_t width);

/* Returns the number of columns of the longest line; text may be NULL. */
size_t wrap_longest_line(const char *text);
