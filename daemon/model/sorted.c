/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/sorted.h"

#include <string.h>

/* The index of the object with the key, or the index where it would be inserted. */
static size_t position(const void *array, size_t n, key_of_t key_of, uint64_t key) {
        void *const *objects = array;
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (key_of(objects[middle]) < key)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

void *sorted_find(const void *array, size_t n, key_of_t key_of, uint64_t key) {
        void *const *objects = array;
        size_t i = position(array, n, key_of, key);

        return i < n && key_of(objects[i]) == key ? objects[i] : NULL;
}

size_t sorted_index(const void *array, size_t n, key_of_t key_of, const void *object) {
        return position(array, n, key_of, key_of(object));
}

void sorted_insert(void *array, size_t *n, key_of_t key_of, void *object) {
        void **objects = array;
        size_t i = position(array, *n, key_of, key_of(object));

        memmove(objects + i + 1, objects + i, (*n - i) * sizeof(void *));
        objects[i] = object;
        (*n)++;
}

void sorted_take_out(void *array, size_t *n, key_of_t key_of, const void *object) {
        void **objects = array;
        size_t i = sorted_index(array, *n, key_of, object);

        (*n)--;
        memmove(objects + i, objects + i + 1, (*n - i) * sizeof(void *));
}
