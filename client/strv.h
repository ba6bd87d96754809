/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Lists of strings that end in NULL. NULL is an empty list. */

void strv_free(char **list);

static inline void strv_freep(char ***list) {
        strv_free(*list);
}

size_t strv_length(char *const *list);

/* Appends a copy of the string. Returns 0; or -ENOMEM, and the list is unchanged. */
int strv_push(char ***list, const char *string);

/* Joins the strings, with the separator between them; the text is the caller's to free. Returns "" for an empty
 * list, and NULL if there is not enough memory. */
char *strv_join(char *const *list, const char *separator);
