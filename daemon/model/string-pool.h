/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Few distinct strings (drivers, lists of reset methods) stand in many devices: each is kept once, for good. */

typedef struct PooledString PooledString;
typedef struct StringPool {
        PooledString *strings;
} StringPool;

/* The one copy of the text, NULL for an empty one: equal texts give equal pointers. Returns 0 or -ENOMEM. */
int string_pool_get(StringPool *pool, const char *text, const char **ret);
void string_pool_done(StringPool *pool);
