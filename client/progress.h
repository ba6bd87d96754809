/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* One line on the terminal of stderr that is rewritten in place. */
typedef struct Progress {
        bool shown;
} Progress;

/* Whether stderr is a terminal that can do it. */
bool progress_is_possible(void);

/* Puts the text there, cut where the terminal ends. */
void progress_show(Progress *progress, const char *text);

/* Takes the line away. To be called before anything else is printed there. */
void progress_clear(Progress *progress);
