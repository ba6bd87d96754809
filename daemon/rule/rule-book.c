/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-book.h"
#include "base/file.h"
#include "base/log.h"
#include "rule/rule-journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#define SUFFIX ".conf"

/* So often are the files read, if workers change them meanwhile. */
#define LOADS_MAX 3

static void file_done(RuleFile *file) {
        free(file->name);
        free(file->path);
        free(file->text);
        rule_free(file->rule);
        rule_free(file->idle);
        *file = (RuleFile){};
}

int rule_book_new(const char *const *folders, RuleBook **ret) {
        _cleanup_(rule_book_freep) RuleBook *book = calloc(1, sizeof(RuleBook));
        if (!book)
                return -ENOMEM;
        for (size_t i = 0; folders[i] && i < RULE_FOLDERS_MAX; i++) {
                book->folders[i] = strdup(folders[i]);
                if (!book->folders[i])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(book);
        return 0;
}

RuleBook *rule_book_free(RuleBook *book) {
        if (!book)
                return NULL;
        for (size_t i = 0; i < book->n_files; i++)
                file_done(&book->files[i]);
        free(book->files);
        for (size_t i = 0; i < RULE_FOLDERS_MAX; i++)
                free(book->folders[i]);
        free(book);
        return NULL;
}

/* Reading. */

/* Whether only root, or the user of the daemon in a test, can change it. */
static bool is_trusted(const struct stat *status) {
        return (status->st_uid == 0 || status->st_uid == geteuid()) && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int is_rule_entry(const struct dirent *entry) {
        size_t length = strlen(entry->d_name);

        return entry->d_name[0] != '.' && length > strlen(SUFFIX) &&
                        streq(entry->d_name + length - strlen(SUFFIX), SUFFIX);
}

static int list_file(RuleBook *book, size_t folder, const char *entry) {
        RuleFile *grown = reallocarray(book->files, book->n_files + 1, sizeof(RuleFile));
        if (!grown)
                return -ENOMEM;
        book->files = grown;
        RuleFile *file = &grown[book->n_files++];
        *file = (RuleFile){.name = strndup(entry, strlen(entry) - strlen(SUFFIX)), .folder = folder};
        if (asprintf(&file->path, "%s/%s", book->folders[folder], entry) < 0)
                file->path = NULL;
        return file->name && file->path ? 0 : -ENOMEM;
}

/* Appends the files of a directory, which are not read yet. A missing directory is empty. Returns 0 or a negative
 * errno. */
static int list_folder(RuleBook *book, size_t folder) {
        struct dirent **entries;
        struct stat status;
        int r = 0;

        if (stat(book->folders[folder], &status) >= 0 && !is_trusted(&status)) {
                log_warning("%s: others than root can write to this directory. Its rules are off.",
                                book->folders[folder]);
                return 0;
        }
        int n = scandir(book->folders[folder], &entries, is_rule_entry, NULL);
        if (n < 0)
                return errno == ENOENT ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                if (r >= 0)
                        r = list_file(book, folder, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return r;
}

static bool is_listed(const RuleBook *book, const char *name) {
        for (size_t i = 0; i < book->n_files; i++)
                if (streq(book->files[i].name, name))
                        return true;
        return false;
}

/* Adds the files of the first directory that a change has removed, but which still count. */
static int list_former(RuleBook *book, const RuleJournal *journal) {
        int r = 0;

        for (size_t i = 0; i < journal->n_entries && r >= 0; i++)
                if (journal->entries[i].former > 0 && !is_listed(book, journal->entries[i].name))
                        r = list_file(book, 0, RULE_ENTRY(journal->entries[i].name));
        return r;
}

/* Compares the names with ".conf". Files with equal names are sorted by precedence, the highest first. */
static int compare_files(const void *a, const void *b) {
        const RuleFile *file_a = a, *file_b = b;
        int order = strcmp(strrchr(file_a->path, '/'), strrchr(file_b->path, '/'));

        return order != 0 ? order : (file_a->folder > file_b->folder) - (file_a->folder < file_b->folder);
}

/* Whether the entry is a link to /dev/null, which masks a rule. */
static bool is_link_to_null(int folder_fd, const char *entry) {
        char target[sizeof("/dev/null") + 1];

        ssize_t n = readlinkat(folder_fd, entry, target, sizeof(target));
        return n == strlen("/dev/null") && memcmp(target, "/dev/null", (size_t)n) == 0;
}

/* Opens a rule file. Returns its file descriptor, or a negative errno: -ECANCELED for a mask, -ELOOP for another
 * symbolic link, -EINVAL if it is not a regular file, -EPERM if others than root can write it, -ENOENT if it does not
 * exist any more. */
static int open_file(int folder_fd, const char *entry) {
        struct stat status;

        /* Check the type before opening: opening a device node can have side effects. */
        if (fstatat(folder_fd, entry, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISLNK(status.st_mode))
                return is_link_to_null(folder_fd, entry) ? -ECANCELED : -ELOOP;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        _cleanup_close_ int fd = openat(folder_fd, entry, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        if (!is_trusted(&status))
                return -EPERM;
        return status.st_size == 0 ? -ECANCELED : TAKE_FD(fd);
}

static const char *describe_error(int error) {
        switch (-error) {
        case EINVAL:
                return "it is not a regular file";
        case ELOOP:
                return "it is a symbolic link: only a link to /dev/null is allowed, which masks a rule";
        case EPERM:
                return "others than root can write it: it must belong to root, and have the mode 0644 or less";
        case E2BIG:
                return "it is too large: a rule has at most 64 KiB";
        case EBADMSG:
                return "it is not a text file: it contains a NUL byte";
        default:
                return strerror(-error);
        }
}

/* The line in which a text ends, counted from 1. */
static unsigned count_lines(const char *text) {
        unsigned line = 1;

        for (; (text = strchr(text, '\n')); text++)
                line++;
        return line;
}

/* Parses the text of a file. Returns 0 or -ENOMEM. */
static int parse_file(RuleFile *file, const char *text) {
        _cleanup_(rule_freep) Rule *rule = NULL;

        int r = rule_parse(file->name, file->path, text, &rule, &file->fault);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        file->state = rule->disabled ? RULE_FILE_DISABLED : RULE_FILE_VALID;
        if (rule->disabled)
                file->idle = TAKE_PTR(rule);
        else
                file->rule = TAKE_PTR(rule);
        return 0;
}

/* vfiod shows a text to everybody. */
static bool is_public(int fd) {
        struct stat status;

        return fstat(fd, &status) >= 0 && (status.st_mode & S_IROTH);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t length) {
        for (size_t i = 0; i < length; i++)
                hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
        return hash;
}

/* Programs in JavaScript, such as the page for Cockpit, have no integers above 2^53 - 1. */
static uint64_t fold(uint64_t hash) {
        uint64_t folded = (hash ^ hash >> 53) & UINT64_C(0x1fffffffffffff);

        return folded ?: 1;
}

/* Makes a version that is the same for a worker, which can read more files than the daemon: so of a file that not everybody may read,
 * it does not depend on the content. text: NULL if it was not read. */
static uint64_t make_version(int folder_fd, const char *entry, const RuleFile *file, const char *text, size_t length) {
        uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &file->folder, sizeof(file->folder));
        struct stat status;

        if (file->state == RULE_FILE_MASKED || fstatat(folder_fd, entry, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return fold(hash);
        if (text && (status.st_mode & S_IROTH))
                hash = mix(hash, text, length);
        else {
                hash = mix(hash, &status.st_ino, sizeof(status.st_ino));
                hash = mix(hash, &status.st_size, sizeof(status.st_size));
                hash = mix(hash, &status.st_mtim.tv_sec, sizeof(status.st_mtim.tv_sec));
                hash = mix(hash, &status.st_mtim.tv_nsec, sizeof(status.st_mtim.tv_nsec));
        }
        return fold(hash);
}

/* Reads a file and parses its rule. Only a regular file that root alone can write is a rule; an empty file or a link to
 * /dev/null is a mask. Returns 1; 0 if the file has been removed since it was listed; or -ENOMEM. */
static int read_file(const RuleBook *book, const RuleJournal *journal, RuleFile *file) {
        const char *entry = strrchr(file->path, '/') + 1;
        char buffer[RULE_JOURNAL_NAME_MAX];
        _cleanup_free_ char *text = NULL;
        const char *fault = NULL;
        size_t length = 0;

        _cleanup_close_ int folder_fd = open(book->folders[file->folder], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (file->folder == 0 && journal->n_entries > 0)
                entry = rule_journal_resolve(journal, folder_fd, file->name, buffer);
        _cleanup_close_ int fd = folder_fd < 0 ? -errno : !entry ? -ENOENT : open_file(folder_fd, entry);
        if (fd == -ENOENT)
                return 0;
        file->state = fd == -ECANCELED ? RULE_FILE_MASKED : RULE_FILE_INVALID;
        int r = fd < 0 ? fd : file_read_all(fd, RULE_FILE_SIZE_MAX, &text, &length);
        file->version = make_version(folder_fd, entry, file, text, length);
        if (fd == -ECANCELED)
                return 1;
        if (r >= 0 && strlen(text) != length) {
                file->fault.line = count_lines(text);
                r = -EBADMSG;
        }
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                fault = describe_error(r);
        else if (!rule_name_is_valid(file->name))
                fault = "its name is too long, or has other characters than letters, digits, '-', '_' and '.'";
        if (fault) {
                (void)snprintf(file->fault.message, sizeof(file->fault.message), "%s", fault);
                return 1;
        }
        if ((r = parse_file(file, text)) < 0)
                return r;
        if (length <= RULE_TEXT_KEPT_MAX && is_public(fd))
                file->text = TAKE_PTR(text);
        return 1;
}

static bool has_overrides(const RuleFile *file) {
        const Rule *rule = file->rule ?: file->idle;

        return rule && rule->overrides != 0;
}

/* Reads the listed files, and drops those that another file replaces. Returns 0 or -ENOMEM. */
static int read_files(RuleBook *book, const RuleJournal *journal) {
        size_t n_listed = book->n_files;
        bool full = false;
        int r = 0;

        if (n_listed > 0)
                qsort(book->files, n_listed, sizeof(RuleFile), compare_files);
        book->n_files = 0;
        for (size_t i = 0; i < n_listed; i++) {
                RuleFile file = TAKE_GENERIC(book->files[i], RuleFile, (RuleFile){});
                bool replaced = book->n_files > 0 && streq(book->files[book->n_files - 1].name, file.name);

                full = full || (!replaced && book->n_files == RULES_MAX);
                if (r < 0 || full || (r = read_file(book, journal, &file)) <= 0 || replaced) {
                        if (replaced)
                                book->files[book->n_files - 1].hides_overrides |= has_overrides(&file);
                        file_done(&file);
                        continue;
                }
                book->has_paths = book->has_paths || (file.rule && file.rule->path);
                book->files[book->n_files++] = file;
        }
        if (full)
                log_warning("There are more than %d rule files: vfiod ignores all files after %s" SUFFIX ".", RULES_MAX,
                                book->files[RULES_MAX - 1].name);
        return r < 0 ? r : 0;
}

static void log_faults(const RuleBook *book) {
        for (size_t i = 0; i < book->n_files; i++) {
                const RuleFile *file = &book->files[i];

                if (file->state == RULE_FILE_INVALID && file->fault.line > 0)
                        log_warning("%s:%u: %s. The rule is off.", file->path, file->fault.line, file->fault.message);
                else if (file->state == RULE_FILE_INVALID)
                        log_warning("%s: %s. The rule is off.", file->path, file->fault.message);
        }
}

/* Opens the first directory, and reads its journal, which is empty if there is none. A directory whose rules are off has none. Returns
 * a descriptor, -ENOENT if there is nothing to watch, or another negative errno. */
static int open_journal(const RuleBook *book, RuleJournal *journal) {
        struct stat status;

        _cleanup_close_ int fd = open(strempty(book->folders[0]), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0 || !is_trusted(&status))
                return -ENOENT;
        int r = rule_journal_read(fd, journal);
        if (r == -EBADMSG) /* somebody else has made this file */
                return -ENOENT;
        return r < 0 && r != -ENOENT ? r : TAKE_FD(fd);
}

/* Reads the files into an empty book. Returns 1; 0 if a worker has begun or finished a change meanwhile; or a negative errno. */
static int load(RuleBook *book) {
        _cleanup_rule_journal_ RuleJournal journal = {};
        size_t i = 0;
        int r = 0;

        _cleanup_close_ int fd = open_journal(book, &journal);
        if (fd < 0 && fd != -ENOENT)
                return log_error_errno(fd, "Cannot read the rules in %s", book->folders[0]);
        for (; r >= 0 && book->folders[i]; i++)
                if ((r = list_folder(book, i)) >= 0 && i == 0)
                        r = list_former(book, &journal);
        if (r < 0)
                return log_error_errno(r, "Cannot read the rules in %s", book->folders[i - 1]);
        book->is_being_changed = journal.n_entries > 0;
        if ((r = read_files(book, &journal)) < 0)
                return r;
        return fd < 0 || rule_journal_is_current(&journal, fd);
}

int rule_book_load(RuleBook *book, bool logs) {
        _cleanup_(rule_book_freep) RuleBook *loaded = NULL;
        int r = 0;

        for (unsigned i = 0; i < LOADS_MAX && r == 0; i++) {
                loaded = rule_book_free(loaded);
                if ((r = rule_book_new((const char *const *)book->folders, &loaded)) >= 0)
                        r = load(loaded);
        }
        if (r < 0)
                return r;
        loaded->is_being_changed |= r == 0;
        if (logs)
                log_faults(loaded);
        RuleBook old = *book;
        *book = *loaded;
        *loaded = old;
        return 0;
}

const char *rule_file_state_to_string(RuleFileState state) {
        static const char *const names[_RULE_FILE_STATE_MAX] = {
                        [RULE_FILE_VALID] = "active",
                        [RULE_FILE_INVALID] = "off",
                        [RULE_FILE_MASKED] = "masked",
                        [RULE_FILE_DISABLED] = "disabled",
        };
        return names[state];
}

bool rule_file_is_enabled(const RuleFile *file) {
        return file->state == RULE_FILE_VALID || file->state == RULE_FILE_INVALID;
}

const RuleFile *rule_book_find(const RuleBook *book, const char *name) {
        for (size_t i = 0; i < book->n_files; i++)
                if (streq(book->files[i].name, name))
                        return &book->files[i];
        return NULL;
}

bool rule_book_reveals_overrides(const RuleBook *book, const char *name, bool enables) {
        const RuleFile *file = rule_book_find(book, name);

        return file && (file->hides_overrides || (enables && file->idle && file->idle->overrides != 0));
}

const Rule *rule_book_match(const RuleBook *book, const Device *device, const char *path, const Rule **ret_other) {
        const Rule *match = NULL, *other = NULL;

        for (size_t i = 0; i < book->n_files && !match; i++) {
                const Rule *rule = book->files[i].rule;
                RuleMatch result = rule ? rule_match(rule, device, path) : RULE_NO_MATCH;

                if (result == RULE_MATCH)
                        match = rule;
                else if (result == RULE_OTHER_CARD && !other)
                        other = rule;
        }
        if (ret_other)
                *ret_other = other;
        return match;
}

/* Writing. */

/* Opens the directory with the highest precedence. */
static int open_first_folder(const RuleBook *book) {
        int fd = open(book->folders[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

const char *rule_entry_format(const char *name, char buffer[static RULE_ENTRY_MAX]) {
        (void)snprintf(buffer, RULE_ENTRY_MAX, "%s" SUFFIX, name);
        return buffer;
}

int rule_book_add(const RuleBook *book, const char *name, const char *text) {
        char temporary[RULE_NAME_MAX + 16];

        int r = file_make_folder(book->folders[0]);
        if (r < 0)
                return r;
        _cleanup_close_ int folder_fd = open_first_folder(book);
        if (folder_fd < 0)
                return folder_fd;
        (void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
        if ((r = file_create(folder_fd, temporary, text)) < 0)
                return r;
        /* link() fails if the name exists; rename() would replace that file. */
        if (linkat(folder_fd, temporary, folder_fd, RULE_ENTRY(name), 0) < 0)
                r = -errno;
        (void)unlinkat(folder_fd, temporary, 0);
        return r < 0 ? r : fsync(folder_fd) < 0 ? -errno : 0;
}

/* Checks whether the directory could be created: the closest existing parent must be writable. Returns 0 or a negative
 * errno. */
static int check_parent(const char *path) {
        _cleanup_free_ char *copy = strdup(path);
        char *parent = copy;
        int r;

        if (!copy)
                return -ENOMEM;
        do {
                parent = dirname(parent);
                r = access(parent, W_OK | X_OK) < 0 ? -errno : 0;
        } while (r == -ENOENT);
        return r;
}

int rule_book_check_add(const RuleBook *book, const char *name) {
        struct stat status;

        _cleanup_close_ int folder_fd = open_first_folder(book);
        if (folder_fd == -ENOENT)
                return check_parent(book->folders[0]);
        if (folder_fd < 0)
                return folder_fd;
        if (fstatat(folder_fd, RULE_ENTRY(name), &status, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST;
        if (errno != ENOENT)
                return -errno;
        return faccessat(folder_fd, ".", W_OK | X_OK, 0) < 0 ? -errno : 0;
}

int rule_book_remove(const RuleBook *book, const char *name) {
        const RuleFile *file = rule_book_find(book, name);

        _cleanup_close_ int folder_fd = open_first_folder(book);
        int r = folder_fd < 0 ? folder_fd : unlinkat(folder_fd, RULE_ENTRY(name), 0) < 0 ? -errno : 0;
        if (r == -ENOENT && file) /* Somebody may have removed the file since it was read. */
                return file->folder > 0 ? -EROFS : 0;
        return r < 0 ? r : fsync(folder_fd) < 0 ? -errno : 0;
}
