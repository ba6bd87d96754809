/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nearest.h"

#include "daemon/base/util.h"

/* A word of this length that is a part of another word was probably meant to be that word. */
#define CONTAINED_LENGTH_MIN 4

static size_t min(size_t a, size_t b) {
        return a < b ? a : b;
}

size_t nearest_distance(const char *a, const char *b) {
        /* The row of the current letter of a, and those of the two letters before. */
        size_t rows[3][NEAREST_LENGTH_MAX + 1], n_a = strlen(a), n_b = strlen(b);

        if (n_a >= NEAREST_LENGTH_MAX || n_b >= NEAREST_LENGTH_MAX)
                return NEAREST_LENGTH_MAX;
        for (size_t k = 0; k <= n_b; k++)
                rows[0][k] = k;
        for (size_t i = 1; i <= n_a; i++) {
                size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];

                row[0] = i;
                for (size_t k = 1; k <= n_b; k++) {
                        row[k] = min(min(above[k], row[k - 1]) + 1, above[k - 1] + (a[i - 1] != b[k - 1]));
                        if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                                row[k] = min(row[k], second[k - 2] + 1);
                }
        }
        return rows[n_a % 3][n_b];
}

void nearest_try(Nearest *nearest, const char *typed, const char *candidate) {
        size_t distance = nearest_distance(typed, candidate);

        /* "attach" is meant to be "reattach", and not "detach". */
        if (strlen(typed) >= CONTAINED_LENGTH_MIN && distance > 1 && strstr(candidate, typed))
                distance = 1;
        if (distance * 3 > strlen(typed) + 1 || (nearest->word && nearest->distance <= distance))
                return;
        *nearest = (Nearest){.word = candidate, .distance = distance};
}
