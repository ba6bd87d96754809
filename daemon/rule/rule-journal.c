/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-journal.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>

#define JOURNAL_NAME ".vfiod.changes"
#define HEADER "vfiod-changes 1\n"
#define SIZE_MAX_BYTES (64 * 1024)
#define ENTRIES_MAX 1024

void rule_journal_done(RuleJournal *journal) {
        free(journal->entries);
        *journal = (RuleJournal){};
}

int rule_journal_add(RuleJournal *journal, const char *name, uint64_t former, uint64_t next) {
        if (!ARRAY_GROW(journal->entries, journal->n_entries))
                return -ENOMEM;
        RuleJournalEntry *entry = &journal->entries[journal->n_entries++];
        *entry = (RuleJournalEntry){.former = former, .next = next};
        (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
        return 0;
}

const char *rule_journal_format(const char *name, const char *suffix, char buffer[static RULE_JOURNAL_NAME_MAX]) {
        (void)snprintf(buffer, RULE_JOURNAL_NAME_MAX, ".%s.%s", name, suffix);
        return buffer;
}

static const char *format_entry(const char *name, char buffer[static RULE_JOURNAL_NAME_MAX]) {
        (void)snprintf(buffer, RULE_JOURNAL_NAME_MAX, "%s.conf", name);
        return buffer;
}
#define ENTRY(name) format_entry(name, (char[RULE_JOURNAL_NAME_MAX]){})

uint64_t rule_journal_inode(int folder_fd, const char *entry) {
        struct stat status;

        return fstatat(folder_fd, entry, &status, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (uint64_t)status.st_ino;
}

/* Reading. */

static int parse_line(RuleJournal *journal, char *line) {
        uint64_t former, next;
        int length = 0;

        char *blank = strchr(line, ' ');
        if (!blank)
                return -EBADMSG;
        *blank = '\0';
        if (!rule_name_is_valid(line) || journal->n_entries == ENTRIES_MAX ||
                        sscanf(blank + 1, "%" SCNu64 " %" SCNu64 "%n", &former, &next, &length) != 2 ||
                        blank[1 + length] != '\0')
                return -EBADMSG;
        return rule_journal_add(journal, line, former, next);
}

static int parse(RuleJournal *journal, char *text) {
        int r = 0;

        if (strncmp(text, HEADER, strlen(HEADER)) != 0)
                return -EBADMSG;
        for (char *line = text + strlen(HEADER), *end; r >= 0 && *line != '\0'; line = end + 1) {
                if (!(end = strchr(line, '\n')))
                        return -EBADMSG;
                *end = '\0';
                r = parse_line(journal, line);
        }
        return r;
}

int rule_journal_read(int folder_fd, RuleJournal *ret) {
        _cleanup_rule_journal_ RuleJournal journal = {};
        _cleanup_free_ char *text = NULL;
        size_t length;

        _cleanup_close_ int fd =
                        openat(folder_fd, JOURNAL_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &journal.status) < 0)
                return errno == ELOOP ? -EBADMSG : -errno;
        if (!S_ISREG(journal.status.st_mode) || (journal.status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
                        (journal.status.st_uid != 0 && journal.status.st_uid != geteuid()))
                return -EBADMSG;
        int r = file_read_all(fd, SIZE_MAX_BYTES, &text, &length);
        if (r < 0)
                return r == -E2BIG ? -EBADMSG : r;
        if (strlen(text) != length || (r = parse(&journal, text)) < 0)
                return r < 0 ? r : -EBADMSG;
        *ret = TAKE_GENERIC(journal, RuleJournal, (RuleJournal){});
        return 0;
}

bool rule_journal_is_current(const RuleJournal *journal, int folder_fd) {
        struct stat status;

        if (fstatat(folder_fd, JOURNAL_NAME, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return journal->status.st_ino == 0;
        return status.st_ino == journal->status.st_ino && status.st_mtim.tv_sec == journal->status.st_mtim.tv_sec &&
                        status.st_mtim.tv_nsec == journal->status.st_mtim.tv_nsec;
}

/* Tells whether the change of the entry has been made, and nobody has changed the file again. */
static bool is_made(const RuleJournalEntry *entry, int folder_fd) {
        return entry->former != entry->next && rule_journal_inode(folder_fd, ENTRY(entry->name)) == entry->next;
}

const char *rule_journal_resolve(const RuleJournal *journal, int folder_fd, const char *name,
                char buffer[static RULE_JOURNAL_NAME_MAX]) {
        for (size_t i = 0; i < journal->n_entries; i++) {
                const RuleJournalEntry *entry = &journal->entries[i];

                if (streq(entry->name, name) && is_made(entry, folder_fd))
                        return entry->former > 0 ? rule_journal_format(name, "former", buffer) : NULL;
        }
        return format_entry(name, buffer);
}

/* Writing. */

int rule_journal_write(const RuleJournal *journal, int folder_fd) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        (void)fputs(HEADER, stream);
        for (size_t i = 0; i < journal->n_entries; i++)
                (void)fprintf(stream, "%s %" PRIu64 " %" PRIu64 "\n", journal->entries[i].name,
                                journal->entries[i].former, journal->entries[i].next);
        if (fclose(stream) != 0)
                return -ENOMEM;
        if (size > SIZE_MAX_BYTES || journal->n_entries > ENTRIES_MAX)
                return -EINVAL;
        int r = file_create(folder_fd, JOURNAL_NAME ".new", text);
        if (r < 0)
                return r;
        if (renameat(folder_fd, JOURNAL_NAME ".new", folder_fd, JOURNAL_NAME) < 0 || fsync(folder_fd) < 0) {
                r = -errno;
                (void)unlinkat(folder_fd, JOURNAL_NAME ".new", 0);
                (void)unlinkat(folder_fd, JOURNAL_NAME, 0);
        }
        return r;
}

int rule_journal_commit(int folder_fd) {
        if (unlinkat(folder_fd, JOURNAL_NAME, 0) < 0 && errno != ENOENT)
                return -errno;
        return fsync(folder_fd) < 0 ? -errno : 0;
}

static int undo_entry(const RuleJournalEntry *entry, int folder_fd) {
        int r;

        if (!is_made(entry, folder_fd))
                return 0;
        if (entry->former == 0)
                r = unlinkat(folder_fd, ENTRY(entry->name), 0);
        else
                r = renameat(folder_fd, RULE_BESIDE(entry->name, "former"), folder_fd, ENTRY(entry->name));
        return r < 0 && errno != ENOENT ? -errno : 0;
}

int rule_journal_undo(const RuleJournal *journal, int folder_fd) {
        int r = 0;

        for (size_t i = journal->n_entries; i > 0; i--) {
                int error = undo_entry(&journal->entries[i - 1], folder_fd);

                r = r < 0 ? r : error;
        }
        if (r >= 0 && fsync(folder_fd) < 0)
                r = -errno;
        return r < 0 ? r : rule_journal_commit(folder_fd);
}

void rule_journal_clean(const RuleJournal *journal, int folder_fd) {
        for (size_t i = 0; i < journal->n_entries; i++) {
                (void)unlinkat(folder_fd, RULE_BESIDE(journal->entries[i].name, "former"), 0);
                (void)unlinkat(folder_fd, RULE_BESIDE(journal->entries[i].name, "new"), 0);
        }
}

static int recover(const char *folder, int folder_fd) {
        _cleanup_rule_journal_ RuleJournal journal = {};

        int r = rule_journal_read(folder_fd, &journal);
        if (r == -ENOENT)
                return 0;
        if (r == -EBADMSG) {
                log_warning("%s/" JOURNAL_NAME " is not a file of vfiod, so it is removed.", folder);
                return rule_journal_commit(folder_fd);
        }
        if (r < 0 || (r = rule_journal_undo(&journal, folder_fd)) < 0)
                return r;
        rule_journal_clean(&journal, folder_fd);
        log_notice("A change of %zu rules in %s was interrupted: the former rules are back.", journal.n_entries,
                        folder);
        return 0;
}

int rule_journal_lock(const char *folder, int *ret_folder_fd) {
        int r;

        _cleanup_close_ int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return -errno;
        _cleanup_close_ int lock_fd = file_lock_folder(folder_fd);
        if (lock_fd < 0)
                return lock_fd;
        if ((r = recover(folder, folder_fd)) < 0)
                return r;
        if (ret_folder_fd)
                *ret_folder_fd = TAKE_FD(folder_fd);
        return TAKE_FD(lock_fd);
}
