/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Strings that many objects have, such as the name of a driver: one copy for all. The pool keeps every string that it was
 * given, so it is for strings of which a host has only a few. */

typedef struct StringPool {
        void *strings; /* a tree of tsearch() */
} StringPool;

/* Makes *target the pool's copy of value. NULL and "" become NULL. Returns 1 if the string changed, 0 if it was equal, or
 * -ENOMEM, which leaves *target unchanged. */
int string_pool_set(StringPool *pool, const char **target, const char *value);

/* Frees all strings. */
void string_pool_done(StringPool *pool);
