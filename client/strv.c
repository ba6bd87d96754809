/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "strv.h"

#include "daemon/base/util.h"

void strv_free(char **list) {
        for (char **string = list; string && *string; string++)
                free(*string);
        free(list);
}

size_t strv_length(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

int strv_push(char ***list, const char *string) {
        _cleanup_free_ char *copy = strdup(string);
        size_t n = strv_length(*list);

        if (!copy)
                return -ENOMEM;

        char **longer = reallocarray(*list, n + 2, sizeof(char *));
        if (!longer)
                return -ENOMEM;
        longer[n] = TAKE_PTR(copy);
        longer[n + 1] = NULL;
        *list = longer;
        return 0;
}

char *strv_join(char *const *list, const char *separator) {
        size_t size = 1;
        char *joined, *end;

        for (char *const *string = list; string && *string; string++)
                size += strlen(*string) + strlen(separator);

        joined = end = malloc(size);
        if (!joined)
                return NULL;
        *end = '\0';
        for (char *const *string = list; string && *string; string++) {
                if (string != list)
                        end = stpcpy(end, separator);
                end = stpcpy(end, *string);
        }
        return joined;
}
