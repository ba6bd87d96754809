/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Makes text that anybody may have chosen (names of processes, of mount points) fit for messages, logs and terminals, in place:
 * what is a control character, or no UTF-8, becomes "?". Returns text. */
char *text_make_printable(char *text);

/* Copies the beginning of a text that a caller chose into buffer, fit for a message: printable, and with "..." at the end
 * where the text was cut. size is that of the buffer, at least 4. Returns buffer. */
const char *text_excerpt(const char *text, char *buffer, size_t size);
#define TEXT_EXCERPT_MAX 64
#define TEXT_EXCERPT(text) text_excerpt(text, (char[TEXT_EXCERPT_MAX]){}, TEXT_EXCERPT_MAX)
