/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/rule.h"

#include <sys/stat.h>
#include <sys/types.h>

/* The file .vfiod.changes beside the rules: several files that a worker is changing. While it exists, the former files count, also
 * for those who read the rules. Its removal is the moment when all changes take effect. If a worker is killed before, the next one
 * brings the former files back, which are kept as .NAME.former. */

typedef struct RuleJournalEntry {
        char name[RULE_NAME_MAX + 1];
        uint64_t former, next; /* inodes of the file before and after the change; 0 for no file */
} RuleJournalEntry;

typedef struct RuleJournal {
        RuleJournalEntry *entries; /* owned */
        size_t n_entries;
        struct stat status; /* of the file, as it was read */
} RuleJournal;

void rule_journal_done(RuleJournal *journal);
#define _cleanup_rule_journal_ _cleanup_(rule_journal_done)

/* Appends an entry. The name must be valid. Returns 0 or -ENOMEM. */
int rule_journal_add(RuleJournal *journal, const char *name, uint64_t former, uint64_t next);

/* Reads the file of a folder. The caller calls rule_journal_done(). Returns 0; -ENOENT if there is none; -EBADMSG if it is none of
 * vfiod, or somebody other than root can write it; or another negative errno. */
int rule_journal_read(int folder_fd, RuleJournal *ret);

/* Tells whether the folder still has the file that was read; with a journal that was not read, whether it still has none. */
bool rule_journal_is_current(const RuleJournal *journal, int folder_fd);

/* Tells which file of the folder counts as the rule of this name: "NAME.conf", ".NAME.former", or NULL for none. The result is in
 * the buffer. A file that somebody else has written meanwhile counts. */
#define RULE_JOURNAL_NAME_MAX (RULE_NAME_MAX + 16)
const char *rule_journal_resolve(
                const RuleJournal *journal, int folder_fd, const char *name, char buffer[static RULE_JOURNAL_NAME_MAX]);

/* For workers, which hold the lock of the folder. */

/* ".NAME.SUFFIX" in the buffer: a file beside the rule, which counts as none. */
const char *rule_journal_format(const char *name, const char *suffix, char buffer[static RULE_JOURNAL_NAME_MAX]);
#define RULE_BESIDE(name, suffix) rule_journal_format(name, suffix, (char[RULE_JOURNAL_NAME_MAX]){})

/* The inode of this entry of the folder; 0 if there is none. Follows no link. */
uint64_t rule_journal_inode(int folder_fd, const char *entry);

/* Writes the file, and syncs it and the folder. Returns 0; -EINVAL for a journal that would be too long; or another negative
 * errno, and then there is no file. */
int rule_journal_write(const RuleJournal *journal, int folder_fd);

/* Makes the changes final: removes the file, if there is one, and syncs the folder. Returns 0 or a negative errno: then the changes
 * must be undone. */
int rule_journal_commit(int folder_fd);

/* Brings the former files back, except those that somebody else has changed, and removes the file. Returns 0; or a negative errno,
 * and then the file remains. */
int rule_journal_undo(const RuleJournal *journal, int folder_fd);

/* Removes the former files, and the new ones that have not taken effect. */
void rule_journal_clean(const RuleJournal *journal, int folder_fd);

/* Locks the folder, see file_lock_folder(), and undoes what a killed worker has left. Returns the descriptor of the lock; -ENOENT if
 * there is no such folder; or another negative errno. *ret_folder_fd, if not NULL, becomes a descriptor of the folder. */
int rule_journal_lock(const char *folder, int *ret_folder_fd);
