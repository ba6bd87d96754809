/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Lists of strings that end in NULL. NULL is an empty list. */

void strv_free(char **list);

static inline void strv_freep(char ***list) {
        strv_free(*list);
}

size_t strv_length(char *const *list);

/* Appends a copy of the string. Returns 0 or -ENOMEM; the list stays as it was then. */
int strv_push(char ***list, const char *string);

/* All strings with the separator between them; "" for an empty list, NULL where memory is short. */
char *strv_join(char *const *list, const char *separator);
