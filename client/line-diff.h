/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

/* Writes the lines of two texts: with "-" those of the first text only, with "+" those of the second only, with a blank those of both.
 * NULL is an empty text. Returns 0 or -ENOMEM. */
int line_diff_write(FILE *stream, const char *before, const char *after);
