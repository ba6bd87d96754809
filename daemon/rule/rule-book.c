/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-book.h"
#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define SUFFIX ".conf"

static void file_done(RuleFile *file) {
        free(file->name);
        free(file->path);
        rule_free(file->rule);
        *file = (RuleFile){};
}

static void files_free(RuleFile *files, size_t n) {
        for (size_t i = 0; i < n; i++)
                file_done(&files[i]);
        free(files);
}

int rule_book_new(const char *const *folders, RuleBook **ret) {
        _cleanup_(rule_book_freep) RuleBook *book = calloc(1, sizeof(RuleBook));
        if (!book)
                return -ENOMEM;
        for (; *folders && book->n_folders < RULE_FOLDERS_MAX; folders++) {
                book->folders[book->n_folders] = strdup(*folders);
                if (!book->folders[book->n_folders++])
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(book);
        return 0;
}

RuleBook *rule_book_free(RuleBook *book) {
        if (!book)
                return NULL;
        files_free(book->files, book->n_files);
        for (size_t i = 0; i < book->n_folders; i++)
                free(book->folders[i]);
        free(book);
        return NULL;
}

/* Reading. */

/* A listed file. Files of directories with higher precedence may replace it. */
typedef struct Entry {
        char *name;    /* with ".conf" */
        size_t folder; /* index of the directory */
} Entry;

typedef struct Reading {
        const RuleBook *book;
        int folder_fds[RULE_FOLDERS_MAX]; /* negative if the directory does not exist */
        Entry *entries;
        size_t n_entries;
        RuleFile *files;
        size_t n_files;
} Reading;

static void reading_done(Reading *reading) {
        for (size_t i = 0; i < RULE_FOLDERS_MAX; i++)
                (void)safe_close(reading->folder_fds[i]);
        for (size_t i = 0; i < reading->n_entries; i++)
                free(reading->entries[i].name);
        free(reading->entries);
        files_free(reading->files, reading->n_files);
}

static int add_entry(Reading *reading, const char *name, size_t folder) {
        Entry *grown = reallocarray(reading->entries, reading->n_entries + 1, sizeof(Entry));
        if (!grown)
                return -ENOMEM;
        reading->entries = grown;
        grown[reading->n_entries] = (Entry){.name = strdup(name), .folder = folder};
        return grown[reading->n_entries++].name ? 0 : -ENOMEM;
}

static bool has_suffix(const char *name) {
        size_t length = strlen(name);

        return length > strlen(SUFFIX) && streq(name + length - strlen(SUFFIX), SUFFIX);
}

/* Lists a directory and keeps it open. A missing directory is empty. Returns 0 or a negative errno. */
static int list_folder(Reading *reading, size_t folder) {
        int r = 0;

        DIR *directory = opendir(reading->book->folders[folder]);
        if (!directory)
                return errno == ENOENT ? 0 : -errno;
        reading->folder_fds[folder] = fcntl(dirfd(directory), F_DUPFD_CLOEXEC, 0);
        if (reading->folder_fds[folder] < 0)
                r = -errno;
        while (r >= 0) {
                errno = 0;
                const struct dirent *entry = readdir(directory);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (entry->d_name[0] != '.' && has_suffix(entry->d_name))
                        r = add_entry(reading, entry->d_name, folder);
        }
        (void)closedir(directory);
        return r;
}

/* Sorts by name. Entries with equal names are sorted by precedence, the highest first. */
static int compare_entries(const void *a, const void *b) {
        const Entry *entry_a = a, *entry_b = b;
        int order = strcmp(entry_a->name, entry_b->name);

        return order != 0 ? order : (entry_a->folder > entry_b->folder) - (entry_a->folder < entry_b->folder);
}

/* Reads the whole file. Returns 0; -E2BIG if it is too large; -EBADMSG if it contains a NUL byte; or another negative errno. */
static int read_text(int fd, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t length = 0;

        int r = file_read_all(fd, RULE_FILE_SIZE_MAX, &text, &length);
        if (r < 0)
                return r;
        if (strlen(text) != length)
                return -EBADMSG;
        *ret = TAKE_PTR(text);
        return 0;
}

static void fail_file(RuleFile *file, const char *message) {
        file->state = RULE_FILE_INVALID;
        (void)snprintf(file->fault.message, sizeof(file->fault.message), "%s", message);
}

/* Opens a regular file. Returns its file descriptor, or a negative errno: -ECANCELED for a mask, -EINVAL if it is not a regular file, -ENOENT if it does not
 * exist (any more), -ENOLINK for a dangling symbolic link. */
static int open_file(int folder_fd, const char *name) {
        struct stat status;

        /* Check the type before opening: opening a device node can have side effects. */
        if (fstatat(folder_fd, name, &status, 0) < 0) {
                if (errno != ENOENT)
                        return -errno;
                return fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : -ENOLINK;
        }
        if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)) /* /dev/null */
                return -ECANCELED;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        _cleanup_close_ int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        return status.st_size == 0 ? -ECANCELED : TAKE_FD(fd);
}

/* Reads a file and parses its rule. Follows symbolic links, because administrators may use them. Only a regular file is a rule; an empty file or /dev/null is a
 * mask. Returns 1; 0 if the file has been removed since it was listed; or -ENOMEM. */
static int read_file(int folder_fd, const char *entry, RuleFile *file) {
        _cleanup_free_ char *text = NULL;

        _cleanup_close_ int fd = open_file(folder_fd, entry);
        if (fd == -ENOENT)
                return 0;
        if (fd == -ECANCELED) {
                file->state = RULE_FILE_MASKED;
                return 1;
        }
        int r = fd < 0 ? fd : read_text(fd, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                fail_file(file,
                                r == -EINVAL                    ? "it is not a regular file"
                                                : r == -ENOLINK ? "it is a dangling symbolic link"
                                                : r == -E2BIG   ? "it is too large: a rule has at most 64 KiB"
                                                : r == -EBADMSG ? "it is not a text file: it contains a NUL byte"
                                                                : strerror(-r));
                return 1;
        }
        if (!rule_name_is_valid(file->name)) {
                fail_file(file, "its name is too long, or has other characters than letters, digits, '-', '_' and '.'");
                return 1;
        }
        r = rule_parse(file->name, file->path, text, &file->rule, &file->fault);
        file->state = r < 0 ? RULE_FILE_INVALID : RULE_FILE_VALID;
        return r == -ENOMEM ? r : 1;
}

static int add_file(Reading *reading, const Entry *entry) {
        RuleFile *file = &reading->files[reading->n_files];
        int r = -ENOMEM;

        *file = (RuleFile){.name = strndup(entry->name, strlen(entry->name) - strlen(SUFFIX))};
        if (asprintf(&file->path, "%s/%s", reading->book->folders[entry->folder], entry->name) < 0)
                file->path = NULL;
        if (file->name && file->path)
                r = read_file(reading->folder_fds[entry->folder], entry->name, file);
        if (r > 0)
                reading->n_files++;
        else
                file_done(file);
        return r;
}

static bool is_named(const RuleFile *file, const char *entry) {
        return streq_ptr(startswith(entry, file->name), SUFFIX);
}

/* For each name, reads the file with the highest precedence. Returns 0 or -ENOMEM. */
static int read_files(Reading *reading) {
        if (reading->n_entries == 0)
                return 0;
        qsort(reading->entries, reading->n_entries, sizeof(Entry), compare_entries);
        reading->files = calloc(reading->n_entries < RULES_MAX ? reading->n_entries : RULES_MAX, sizeof(RuleFile));
        if (!reading->files)
                return -ENOMEM;
        for (size_t i = 0; i < reading->n_entries; i++) {
                const Entry *entry = &reading->entries[i];

                if (reading->n_files > 0 && is_named(&reading->files[reading->n_files - 1], entry->name))
                        continue;
                if (reading->n_files >= RULES_MAX) {
                        log_warning("There are more than %d rule files: vfiod ignores %s and all files after it.",
                                        RULES_MAX, entry->name);
                        break;
                }
                int r = add_file(reading, entry);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void log_faults(const Reading *reading) {
        for (size_t i = 0; i < reading->n_files; i++) {
                const RuleFile *file = &reading->files[i];

                if (file->state != RULE_FILE_INVALID)
                        continue;
                if (file->fault.line > 0)
                        log_warning("%s:%u: %s. The rule is off.", file->path, file->fault.line, file->fault.message);
                else
                        log_warning("%s: %s. The rule is off.", file->path, file->fault.message);
        }
}

int rule_book_load(RuleBook *book) {
        Reading reading = {.book = book};
        int r = 0;

        for (size_t i = 0; i < RULE_FOLDERS_MAX; i++)
                reading.folder_fds[i] = -EBADF;
        for (size_t i = 0; i < book->n_folders && r >= 0; i++)
                if ((r = list_folder(&reading, i)) < 0)
                        r = log_error_errno(r, "Cannot read the rules in %s", book->folders[i]);
        if (r >= 0 && (r = read_files(&reading)) >= 0) {
                RuleFile *old_files = book->files;
                size_t n_old = book->n_files;

                log_faults(&reading);
                book->files = TAKE_PTR(reading.files);
                book->n_files = TAKE_GENERIC(reading.n_files, size_t, 0);
                files_free(old_files, n_old);
        }
        reading_done(&reading);
        return r;
}

const RuleFile *rule_book_find(const RuleBook *book, const char *name) {
        for (size_t i = 0; i < book->n_files; i++)
                if (streq(book->files[i].name, name))
                        return &book->files[i];
        return NULL;
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

bool rule_book_has_paths(const RuleBook *book) {
        for (size_t i = 0; i < book->n_files; i++)
                if (book->files[i].rule && book->files[i].rule->path)
                        return true;
        return false;
}

/* Writing. */

/* Creates the directory and its parents, readable for everybody. Returns 0 or a negative errno. */
static int make_folder(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *end = copy; end;) {
                end = strchr(end + 1, '/');
                if (end)
                        *end = '\0';
                if (mkdir(copy, 0755) >= 0) {
                        if (chmod(copy, 0755) < 0) /* the umask may be narrower */
                                return -errno;
                } else if (errno != EEXIST)
                        return -errno;
                if (end)
                        *end = '/';
        }
        return 0;
}

static int open_first_folder(const RuleBook *book, bool make) {
        int fd = open(book->folders[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT && make) {
                int r = make_folder(book->folders[0]);
                if (r < 0)
                        return r;
                fd = open(book->folders[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        return fd < 0 ? -errno : fd;
}

/* Writes a new file. Returns 0 or a negative errno. */
static int write_file(int folder_fd, const char *entry, const char *text) {
        _cleanup_close_ int fd = openat(folder_fd, entry, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        int r = file_write_all(fd, text, strlen(text));
        return r < 0 ? r : fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int rule_book_add(const RuleBook *book, const char *name, const char *text) {
        char entry[RULE_NAME_MAX + 16], temporary[RULE_NAME_MAX + 16];

        _cleanup_close_ int folder_fd = open_first_folder(book, true);
        if (folder_fd < 0)
                return folder_fd;
        (void)snprintf(entry, sizeof(entry), "%s" SUFFIX, name);
        (void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
        (void)unlinkat(folder_fd, temporary, 0); /* a daemon that was killed may have left it */
        int r = write_file(folder_fd, temporary, text);
        /* link() fails if the name exists; rename() would replace that file. */
        if (r >= 0 && linkat(folder_fd, temporary, folder_fd, entry, 0) < 0)
                r = -errno;
        (void)unlinkat(folder_fd, temporary, 0);
        return r < 0 ? r : fsync(folder_fd) < 0 ? -errno : 0;
}

/* Whether the folder can be made: the lowest folder above it that exists must be writable. Returns 0 or a negative errno. */
static int check_parent(const char *path) {
        _cleanup_free_ char *parent = strdup(path);
        char *end;

        if (!parent)
                return -ENOMEM;
        while ((end = strrchr(parent, '/')) && end != parent) {
                *end = '\0';
                if (access(parent, W_OK | X_OK) >= 0)
                        return 0;
                if (errno != ENOENT)
                        return -errno;
        }
        return access(end ? "/" : ".", W_OK | X_OK) < 0 ? -errno : 0;
}

int rule_book_check_add(const RuleBook *book, const char *name) {
        char entry[RULE_NAME_MAX + 16];
        struct stat status;

        _cleanup_close_ int folder_fd = open_first_folder(book, false);
        if (folder_fd == -ENOENT)
                return check_parent(book->folders[0]);
        if (folder_fd < 0)
                return folder_fd;
        (void)snprintf(entry, sizeof(entry), "%s" SUFFIX, name);
        if (fstatat(folder_fd, entry, &status, AT_SYMLINK_NOFOLLOW) >= 0)
                return -EEXIST;
        if (errno != ENOENT)
                return -errno;
        return faccessat(folder_fd, ".", W_OK | X_OK, 0) < 0 ? -errno : 0;
}

int rule_book_remove(const RuleBook *book, const char *name) {
        char entry[RULE_NAME_MAX + 16];

        _cleanup_close_ int folder_fd = open_first_folder(book, false);
        if (folder_fd < 0 && folder_fd != -ENOENT)
                return folder_fd;
        (void)snprintf(entry, sizeof(entry), "%s" SUFFIX, name);
        if (folder_fd < 0 || unlinkat(folder_fd, entry, 0) < 0) {
                if (folder_fd >= 0 && errno != ENOENT)
                        return -errno;
                const RuleFile *file = rule_book_find(book, name);
                if (!file)
                        return -ENOENT;
                /* Success if somebody has removed the file by hand since it was read. */
                const char *rest = startswith(file->path, book->folders[0]);
                return rest && streq(rest + strspn(rest, "/"), entry) ? 0 : -EROFS;
        }
        return fsync(folder_fd) < 0 ? -errno : 0;
}
