/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/rule.h"

/* The rules on disk. Directories are sorted by precedence, the highest first: /etc, /run, /usr/lib. Rules are files
 * "NAME.conf". A file replaces the files of the same name in directories with lower precedence, also if it has an
 * error. An empty file or a link to /dev/null masks them. Hidden files and files with another suffix are ignored. */

#define RULE_FOLDERS_MAX 4
#define RULE_FILE_SIZE_MAX (64 * 1024)
#define RULE_TEXT_KEPT_MAX (8 * 1024)
#define RULES_MAX 4096

typedef enum RuleFileState {
        RULE_FILE_VALID,
        RULE_FILE_INVALID, /* the file has an error, and the rule is off */
        RULE_FILE_MASKED,
        RULE_FILE_DISABLED, /* Enabled=no: the rule matches nothing */
        _RULE_FILE_STATE_MAX,
} RuleFileState;

typedef struct RuleFile {
        char *name; /* without ".conf"; the name of an invalid file can have any bytes */
        char *path;
        size_t folder; /* index of the directory */
        RuleFileState state;
        Rule *rule; /* owned; NULL unless the file is valid */
        Rule *idle; /* owned; the rule of a disabled file */
        char *text; /* owned; NULL for a mask, and if not everybody may read it, or it is longer than RULE_TEXT_KEPT_MAX */
        RuleFault fault;      /* the error of an invalid file */
        uint64_t version;     /* changes with the content of the file; not 0 */
        bool hides_overrides; /* without this file, a rule with Override= of another directory would apply */
} RuleFile;

typedef struct RuleBook {
        char *folders[RULE_FOLDERS_MAX + 1]; /* ends with NULL */
        RuleFile *files;                     /* sorted by name; the first rule that matches a device applies */
        size_t n_files;
        bool has_paths;        /* a rule has a port path; otherwise callers need not read the port paths of devices */
        bool is_being_changed; /* the book has the former rules: a worker is changing several, or was killed meanwhile */
} RuleBook;

/* Creates an empty book. Copies the paths of the directories, a list that ends with NULL; ignores those after
 * RULE_FOLDERS_MAX. A directory need not exist. The caller frees the result with rule_book_free(). Returns 0 or
 * -ENOMEM. */
int rule_book_new(const char *const *folders, RuleBook **ret);
RuleBook *rule_book_free(RuleBook *book);
DEFINE_TRIVIAL_CLEANUP_FUNC(RuleBook *, rule_book_free)

/* Reads all files again. Of several changes that a worker makes, the book has all or none. Keeps invalid files, with their errors, and ignores the files after RULES_MAX; logs both if it
 * is told so. All pointers into the book become invalid. Returns 0 or a negative errno: -ENOMEM, or that
 * of a directory that cannot be read, which is logged. On errors, the book is unchanged. */
int rule_book_load(RuleBook *book, bool logs);

/* "active", "off", "masked" or "disabled" */
const char *rule_file_state_to_string(RuleFileState state);

/* Tells whether the rule is meant to be applied: it is neither masked nor disabled. A rule with an error is enabled. */
bool rule_file_is_enabled(const RuleFile *file);

/* Tells whether a rule with Override= becomes active when the file of this name is removed; or, with enables, when it is enabled. */
bool rule_book_reveals_overrides(const RuleBook *book, const char *name, bool enables);

/* Finds the file of this name. Returns NULL if there is none. The pointer is valid until the next load. */
const RuleFile *rule_book_find(const RuleBook *book, const char *name);

/* Returns the first rule that matches the device, or NULL. path is the port path of the device, or "". If ret_other is
 * not NULL, *ret_other becomes a rule that names this place, but another card; or NULL. Pointers are valid until the
 * next load. */
const Rule *rule_book_match(const RuleBook *book, const Device *device, const char *path, const Rule **ret_other);

/* "NAME.conf", in a buffer of the enclosing block. The name must be valid. */
#define RULE_ENTRY_MAX (RULE_NAME_MAX + sizeof(".conf"))
#define RULE_ENTRY(name) rule_entry_format(name, (char[RULE_ENTRY_MAX]){})
const char *rule_entry_format(const char *name, char buffer[static RULE_ENTRY_MAX]);

/* Writes a new file into the directory with the highest precedence, atomically, and syncs it to disk. Creates the
 * directory if necessary. For workers, like the next two functions: the daemon may not write there. The name must be
 * valid, see rule_name_is_valid(). The caller must load the book again. Returns 0; -EEXIST if that directory has a
 * file of this name, including a mask; or another negative errno. */
int rule_book_add(const RuleBook *book, const char *name, const char *text);

/* Checks, as far as possible without writing, whether rule_book_add() would work for this name. Returns 0; -EEXIST like
 * rule_book_add(); or -EROFS, -EACCES or another negative errno if the directory cannot be written. */
int rule_book_check_add(const RuleBook *book, const char *name);

/* Removes a rule or a mask from the directory with the highest precedence, and syncs the directory. The name must be
 * valid. The caller must load the book again. Returns 0; -ENOENT if there is no such file; -EROFS if only a directory
 * with lower precedence has it, so it can only be masked; or another negative errno. */
int rule_book_remove(const RuleBook *book, const char *name);
