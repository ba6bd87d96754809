/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The files of rules in the daemon's folders, and what they say in the model's words. */

#define N_RULE_FOLDERS 3 /* the heaviest first */

typedef enum RuleKind {
        RULE_VALID,
        RULE_OFF, /* says something that nobody knows */
        RULE_MASK_EMPTY,
        RULE_MASK_NULL, /* a link to /dev/null */
        _RULE_KIND_MAX,
} RuleKind;

typedef struct Rule {
        RuleKind kind;
        const char *address; /* of a slot; NULL for any */
        char ids[16];        /* "8086:100e" */
        bool takes_all;
        const char *companion; /* the only one that it takes, of a slot; or NULL */
        bool override;         /* of what the host uses */
} Rule;

typedef struct Rulebook Rulebook;

Rulebook *rulebook_new(const char *state_folder);
/* Removes the files and their folders. */
Rulebook *rulebook_free(Rulebook *book);

/* Names of rules, in order. */
extern const char *const rule_names[];
extern const unsigned n_rule_names;

/* NULL for a file that is not there. */
const Rule *rulebook_file(const Rulebook *book, unsigned folder, const char *name);
void rulebook_put(Rulebook *book, unsigned folder, const char *name, const Rule *rule);
void rulebook_remove(Rulebook *book, unsigned folder, const char *name);

/* The rule of that name that is in force; NULL for none. */
const Rule *rulebook_find(const Rulebook *book, const char *name);
/* The name of the first rule that means this card, or NULL; ret_other, unless that is NULL, gets that of the first that means another one in its place. */
const char *rulebook_match(const Rulebook *book, const char *address, const char *ids, const char **ret_other);
/* Whether any rule is in force. */
bool rulebook_has_rules(const Rulebook *book);

char *rule_describe(const Rule *rule);
