/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/rule.h"

/* The rules on disk: folders in the order of their weight, the heaviest first (/etc, /run, /usr/lib), each with files
 * "NAME.conf". A file takes the place of those of its name in lighter folders, also where it says something that is not
 * known; an empty one, or a link to /dev/null, masks them. What has another name, or begins with a '.', is none. */

#define RULE_FOLDERS_MAX 4
#define RULE_FILE_SIZE_MAX (64 * 1024)
#define RULES_MAX 4096

typedef enum RuleFileState {
        RULE_FILE_VALID,
        RULE_FILE_INVALID, /* it is off: it says something that is not known */
        RULE_FILE_MASKED,
        _RULE_FILE_STATE_MAX,
} RuleFileState;

typedef struct RuleFile {
        char *name; /* without ".conf"; of an invalid one perhaps no valid one, nor UTF-8, like the path */
        char *path;
        RuleFileState state;
        Rule *rule;      /* of a valid one */
        RuleFault fault; /* of an invalid one */
} RuleFile;

typedef struct RuleBook {
        char *folders[RULE_FOLDERS_MAX];
        size_t n_folders;
        RuleFile *files; /* in the order of the files' names: the first that matches a device counts */
        size_t n_files;
} RuleBook;

/* Folders that are not there are empty. Reads nothing yet. Returns 0 or -ENOMEM. */
int rule_book_new(const char *const *folders, RuleBook **ret);
RuleBook *rule_book_free(RuleBook *book);
DEFINE_TRIVIAL_CLEANUP_FUNC(RuleBook *, rule_book_free)

/* Reads all files anew. An invalid file is logged with its place, and kept as such; so is a folder that cannot be read. Of
 * more than RULES_MAX, those behind are left out. Returns 0 or a negative errno: then the book is as it was. */
int rule_book_load(RuleBook *book);

/* NULL for none. */
const RuleFile *rule_book_find(const RuleBook *book, const char *name);

/* The first rule that matches the device, NULL for none; ret_other, if not NULL, gets one that means another card in its place, or NULL. */
const Rule *rule_book_match(const RuleBook *book, const Device *device, const char *path, const Rule **ret_other);

/* Whether a rule names a port path: only then need one be read. */
bool rule_book_has_paths(const RuleBook *book);

/* Writes a rule into the heaviest folder, making that if needed, whole and synced; the name is a valid one. Returns 0;
 * -EEXIST for a name that is there in that folder, be it as a mask; another negative errno. The book is to be loaded
 * again. */
int rule_book_add(const RuleBook *book, const char *name, const char *text);

/* Checks, as far as that can be known, whether rule_book_add() would work for this name, which is a valid one; writes nothing.
 * Returns 0; -EEXIST as rule_book_add() does; -EROFS, -EACCES or another negative errno where the folder cannot be written. */
int rule_book_check_add(const RuleBook *book, const char *name);

/* Removes a rule, or a mask, from the heaviest folder; the name is a valid one. Returns 0; -ENOENT where it is not there;
 * -EROFS for one of a lighter folder, which can be masked only; another negative errno. The book is to be loaded again. */
int rule_book_remove(const RuleBook *book, const char *name);
