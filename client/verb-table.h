/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* The table of all verbs. */

/* The arguments that a verb takes. */
typedef enum Operand {
        OPERAND_NONE,
        OPERAND_SELECTOR,
        OPERAND_SELECTORS, /* any number of selectors and patterns */
        OPERAND_MAYBE_SELECTOR,
        OPERAND_VFS, /* a selector, and optionally a number */
        OPERAND_JOB,
        OPERAND_COMMAND, /* a selector, "--", and a command with its arguments */
        OPERAND_LEASE,   /* the number of a lease, or a selector */
        OPERAND_RULE,
        OPERAND_FILES,
} Operand;

typedef struct Verb {
        const char *name;      /* one word or two */
        const char *arguments; /* as --help shows them */
        const char *summary;   /* to translate with gettext() */
        Operand operand;
        const char *options; /* letters of the options that only some verbs take, and this one does */
        ExitCode (*run)(Invocation *invocation);
        bool changes;                                /* it needs an authorization */
        bool local;                                  /* it connects to vfiod itself */
        ExitCode (*dry_run)(Invocation *invocation); /* with --dry-run; NULL: run() itself checks that */
        bool foreign; /* its name is that of another program's command; --help does not list it */
} Verb;

/* Options that belong to detach only, and to reattach only. plan takes the options of the verb that it plans. */
#define DETACH_OPTIONS "gcOb"
#define REATTACH_OPTIONS "fa"

/* Returns the verb at this position of the table; NULL behind the end. The first one is meant if the user gives none. */
const Verb *verb_at(size_t i);

/* Finds the verb at the beginning of the words, which end in NULL. Gets the number of words of the verb. Returns NULL if
 * there is no such verb. */
const Verb *verb_find(char *const *words, int *ret_n_words);
