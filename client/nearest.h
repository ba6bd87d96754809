/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Finds the known word that somebody probably meant who has mistyped one. */

typedef struct Nearest {
        const char *word; /* NULL for none */
        size_t distance;
} Nearest;

#define NEAREST_NONE \
        { NULL, 0 }

/* Longer words are not compared. */
#define NEAREST_LENGTH_MAX 64

/* Returns how many letters must be added, removed or replaced, or exchanged with their neighbour, to make one word of the other
 * (the distance of Damerau and Levenshtein, where no part is edited twice). Words that are too long have the greatest
 * distance, NEAREST_LENGTH_MAX. */
size_t nearest_distance(const char *a, const char *b);

/* Takes the candidate if it is nearer than the one before, and near enough: at most one mistake in three letters; or if the typed
 * word is a part of it. The word is the caller's. */
void nearest_try(Nearest *nearest, const char *typed, const char *candidate);
