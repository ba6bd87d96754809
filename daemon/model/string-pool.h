/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* A pool of strings. Many devices share few distinct strings (driver names, lists of reset methods). The pool stores each string once and keeps
 * it until string_pool_done(). */

typedef struct PooledString PooledString;
typedef struct StringPool {
        PooledString *strings;
} StringPool;

/* Returns the pool's copy of the text in *ret, or NULL for an empty text. Equal texts give equal pointers. The pool owns the copy. Returns 0 or
 * -ENOMEM. */
int string_pool_get(StringPool *pool, const char *text, const char **ret);

/* Frees all strings of the pool. */
void string_pool_done(StringPool *pool);
