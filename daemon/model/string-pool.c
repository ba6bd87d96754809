/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/string-pool.h"

struct PooledString {
        PooledString *next;
        char text[];
};

int string_pool_get(StringPool *pool, const char *text, const char **ret) {
        if (isempty(text)) {
                *ret = NULL;
                return 0;
        }
        for (const PooledString *string = pool->strings; string; string = string->next)
                if (streq(string->text, text)) {
                        *ret = string->text;
                        return 0;
                }

        size_t size = strlen(text) + 1;
        PooledString *added = malloc(sizeof(PooledString) + size);
        if (!added)
                return -ENOMEM;
        memcpy(added->text, text, size);
        added->next = pool->strings;
        pool->strings = added;
        *ret = added->text;
        return 0;
}

void string_pool_done(StringPool *pool) {
        while (pool->strings) {
                PooledString *next = pool->strings->next;
                free(pool->strings);
                pool->strings = next;
        }
}
