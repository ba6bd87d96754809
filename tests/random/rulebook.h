/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The rule files in the daemon's folders, and their meaning for the model. */

#define N_RULE_FOLDERS 3 /* the first folder has the highest priority */

typedef enum RuleKind {
        RULE_VALID,
        RULE_OFF, /* contains an unknown setting */
        RULE_MASK_EMPTY,
        RULE_MASK_NULL, /* a link to /dev/null */
        _RULE_KIND_MAX,
} RuleKind;

typedef struct Rule {
        RuleKind kind;
        const char *address; /* of a slot; NULL for any */
        char ids[16];        /* "8086:100e" */
        bool takes_all;
        const char *companion; /* the only companion of the rule: address of a slot; or NULL */
        bool override;         /* of the guards for what the host uses */
} Rule;

typedef struct Rulebook Rulebook;

Rulebook *rulebook_new(const char *state_folder);
/* Removes the files and their folders. */
Rulebook *rulebook_free(Rulebook *book);

/* The names of the rules, in order. */
extern const char *const rule_names[];
extern const unsigned n_rule_names;

/* NULL if the file does not exist. */
const Rule *rulebook_file(const Rulebook *book, unsigned folder, const char *name);
void rulebook_put(Rulebook *book, unsigned folder, const char *name, const Rule *rule);
void rulebook_remove(Rulebook *book, unsigned folder, const char *name);

/* The valid rule with this name; NULL for none. */
const Rule *rulebook_find(const Rulebook *book, const char *name);
/* The name of the first rule that matches this card, or NULL. ret_other, unless it is NULL, gets the name of the
 * first rule that matches another card at this address, or NULL. */
const char *rulebook_match(const Rulebook *book, const char *address, const char *ids, const char **ret_other);
/* Whether there is a valid rule. */
bool rulebook_has_rules(const Rulebook *book);

char *rule_describe(const Rule *rule);
