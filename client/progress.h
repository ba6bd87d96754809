/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* A line of progress on stderr that is overwritten again and again. */
typedef struct Progress {
        bool shown;
} Progress;

/* Whether stderr is a terminal that can show such a line. */
bool progress_is_possible(void);

/* Shows the text, cut to the width of the terminal. */
void progress_show(Progress *progress, const char *text);

/* Removes the line. Call it before anything else is printed to stderr. */
void progress_clear(Progress *progress);
