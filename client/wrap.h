/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Text in lines, for the cells of a table. */

/* Replaces blanks by line breaks, so that each line has at most width characters. A longer word has a line of its own. With
 * width 0, each word has. */
void wrap_words(char *text, size_t width);

/* Returns the number of characters of the longest line; text may be NULL. */
size_t wrap_longest_line(const char *text);
