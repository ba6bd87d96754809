/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* An array of pointers that grows. */

/* Inserts a pointer at a position of an array that holds n of n_allocated pointers. Returns 0 or -ENOMEM. */
static inline int array_insert(void ***array, size_t *n, size_t *n_allocated, size_t position, void *pointer) {
        if (*n == *n_allocated) {
                size_t wanted = *n_allocated ? *n_allocated * 2 : 16;
                void **grown = reallocarray(*array, wanted, sizeof(void *));
                if (!grown)
                        return -ENOMEM;
                *array = grown;
                *n_allocated = wanted;
        }
        memmove(*array + position + 1, *array + position, (*n - position) * sizeof(void *));
        (*array)[position] = pointer;
        (*n)++;
        return 0;
}

/* Removes the pointer at a position. */
static inline void array_remove(void **array, size_t *n, size_t position) {
        (*n)--;
        memmove(array + position, array + position + 1, (*n - position) * sizeof(void *));
}
