/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Arrays of pointers to objects, sorted by a key. Each key is there once. */

typedef uint64_t (*key_of_t)(const void *object);

/* Returns the object with the key; NULL if there is none. */
void *sorted_find(const void *array, size_t n, key_of_t key_of, uint64_t key);

/* Returns the index of the object, which the array must have. */
size_t sorted_index(const void *array, size_t n, key_of_t key_of, const void *object);

/* Inserts the object. There must be room. */
void sorted_insert(void *array, size_t *n, key_of_t key_of, void *object);

/* Takes the object out of the array, which must have it. */
void sorted_take_out(void *array, size_t *n, key_of_t key_of, const void *object);
