/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/string-pool.h"

#include <search.h>

static int compare(const void *a, const void *b) {
        return strcmp(a, b);
}

int string_pool_set(StringPool *pool, const char **target, const char *value) {
        if (isempty(value))
                value = NULL;
        if (streq_ptr(*target, value))
                return 0;
        if (!value) {
                *target = NULL;
                return 1;
        }

        char *const *found = tfind(value, &pool->strings, compare);
        if (!found) {
                char *copy = strdup(value);

                found = copy ? tsearch(copy, &pool->strings, compare) : NULL;
                if (!found) {
                        free(copy);
                        return -ENOMEM;
                }
        }
        *target = *found;
        return 1;
}

void string_pool_done(StringPool *pool) {
        tdestroy(pool->strings, free);
        pool->strings = NULL;
}
