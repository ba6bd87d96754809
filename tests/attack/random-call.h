/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "raw-bus.h"

/* Random calls of vfiod, from the introspection of its objects. The test's own random numbers decide, so the option
 * --seed repeats them. All messages are valid for the bus daemon. */

typedef struct CallBook CallBook;

/* Reads the introspection of all objects. */
CallBook *call_book_new(Fixture *fixture);
CallBook *call_book_free(CallBook *book);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CallBook, call_book_free)

guint call_book_count_methods(const CallBook *book);

/* The texts belong to the book or are constants. */
typedef struct RandomCall {
        const char *path, *interface, *member;
        char *signature;
        GByteArray *body;
} RandomCall;

RandomCall random_call(const CallBook *book);
