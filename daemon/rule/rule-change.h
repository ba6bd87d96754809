/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"

/* Changes of several rule files in the directory with the highest precedence: all of them are made, or none. For workers. */

typedef enum RuleChangeKind {
        RULE_CHANGE_WRITE,   /* writes this text; replaces a file or a mask of this name */
        RULE_CHANGE_REMOVE,  /* removes the file or the mask */
        RULE_CHANGE_MASK,    /* replaces the file by a link to /dev/null */
        RULE_CHANGE_ENABLE,  /* removes a mask, or "Enabled=no" in the text */
        RULE_CHANGE_DISABLE, /* masks a rule of another directory, or writes "Enabled=no" into the text */
        _RULE_CHANGE_MAX,
        _RULE_CHANGE_INVALID = -EINVAL,
} RuleChangeKind;

/* "write", "delete", "mask", "enable" or "disable" */
const char *rule_change_kind_to_string(RuleChangeKind kind);
RuleChangeKind rule_change_kind_from_string(const char *text);

#define RULE_CHANGES_MAX 256

typedef struct RuleChange {
        char *name, *text; /* owned; the text of "write" */
        RuleChangeKind kind;
        bool has_version;
        uint64_t version; /* with has_version: the rule must have this version (see RuleFile), 0 for no rule of this name */
} RuleChange;

typedef struct RuleChangeList {
        RuleChange *changes;
        size_t n_changes;
        size_t size; /* bytes of all names and texts */
} RuleChangeList;

/* Frees the changes. */
void rule_change_list_done(RuleChangeList *list);

/* Appends copies. text may be NULL. Returns 0; -E2BIG for more than RULE_CHANGES_MAX; -ENOMEM. */
int rule_change_list_add(RuleChangeList *list, const char *name, RuleChangeKind kind, const char *text);

/* The last change is made only if the rule has this version. */
void rule_change_list_require(RuleChangeList *list, uint64_t version);

/* Makes the changes, in this order, and syncs the directory. Reads the rules of the book before. After an error, the former files
 * are back. If the process is killed, all changes are made or none: see rule-journal.h. Two callers at the same time wait for each other. dry_run: checks the changes only. The caller must load its book
 * again. Returns 0; -EINVAL for a name or a text that is not valid, or two changes of one name; -ESTALE if a rule has another version than
 * its change requires; -ENOENT if there is no such rule,
 * or no rule below the mask; -EROFS if the rule to remove, or the mask to remove, is in another directory; -EBADMSG to enable or disable a rule of this directory with an error; -EFBIG for such a rule whose text is not kept; or another
 * negative errno. A change that changes nothing is no error. */
int rule_changes_make(RuleBook *book, const RuleChangeList *list, bool dry_run);
