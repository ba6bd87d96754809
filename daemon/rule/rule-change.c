/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-change.h"
#include "base/file.h"
#include "rule/rule-journal.h"

#include <fcntl.h>

const char *rule_change_kind_to_string(RuleChangeKind kind) {
        static const char *const names[_RULE_CHANGE_MAX] = {
                        [RULE_CHANGE_WRITE] = "write",
                        [RULE_CHANGE_REMOVE] = "delete",
                        [RULE_CHANGE_MASK] = "mask",
                        [RULE_CHANGE_ENABLE] = "enable",
                        [RULE_CHANGE_DISABLE] = "disable",
        };
        return kind >= 0 && kind < _RULE_CHANGE_MAX ? names[kind] : NULL;
}

RuleChangeKind rule_change_kind_from_string(const char *text) {
        for (RuleChangeKind kind = 0; kind < _RULE_CHANGE_MAX; kind++)
                if (streq(text, rule_change_kind_to_string(kind)))
                        return kind;
        return _RULE_CHANGE_INVALID;
}

void rule_change_list_done(RuleChangeList *list) {
        for (size_t i = 0; i < list->n_changes; i++) {
                free(list->changes[i].name);
                free(list->changes[i].text);
        }
        free(list->changes);
        *list = (RuleChangeList){};
}

int rule_change_list_add(RuleChangeList *list, const char *name, RuleChangeKind kind, const char *text) {
        if (list->n_changes >= RULE_CHANGES_MAX)
                return -E2BIG;
        if (!ARRAY_GROW(list->changes, list->n_changes))
                return -ENOMEM;
        RuleChange *change = &list->changes[list->n_changes];
        *change = (RuleChange){.name = strdup(name), .text = text ? strdup(text) : NULL, .kind = kind};
        list->n_changes++;
        list->size += sizeof(RuleChange) + strlen(name) + strlen(strempty(text));
        return change->name && (change->text || !text) ? 0 : -ENOMEM;
}

void rule_change_list_require(RuleChangeList *list, uint64_t version) {
        RuleChange *change = &list->changes[list->n_changes - 1];

        change->has_version = true;
        change->version = version;
}

/* What a file of the first directory is to become. */
typedef struct FileWish {
        const char *name; /* borrowed */
        char *text;       /* owned; NULL for a mask or for no file */
        bool mask;
        bool keep; /* the file stays as it is */
} FileWish;

typedef struct WishList {
        FileWish *wishes;
        size_t n_wishes;
} WishList;

static void wish_list_done(WishList *list) {
        for (size_t i = 0; i < list->n_wishes; i++)
                free(list->wishes[i].text);
        free(list->wishes);
}

static int check_text(const char *name, const char *text) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;

        return strlen(text) > RULE_FILE_SIZE_MAX ? -EINVAL : rule_parse(name, "", text, &rule, &fault);
}

/* Tells whether a directory of lower precedence has a file of this name. */
static bool is_below(const RuleBook *book, const char *name) {
        for (size_t i = 1; i < RULE_FOLDERS_MAX && book->folders[i]; i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s", book->folders[i], RULE_ENTRY(name)) >= 0 && access(path, F_OK) >= 0)
                        return true;
        }
        return false;
}

static int wish_other_text(const RuleFile *file, bool enabled, FileWish *wish) {
        if (file->state == RULE_FILE_INVALID)
                return -EBADMSG;
        return file->text ? rule_set_enabled(file->text, enabled, &wish->text) : -EFBIG;
}

static int wish_enabled(const RuleBook *book, const RuleFile *file, FileWish *wish) {
        if (rule_file_is_enabled(file)) {
                wish->keep = true;
                return 0;
        }
        if (file->state == RULE_FILE_DISABLED)
                return wish_other_text(file, true, wish);
        if (file->folder > 0)
                return -EROFS;
        return is_below(book, file->name) ? 0 : -ENOENT;
}

static int wish_disabled(const RuleFile *file, FileWish *wish) {
        wish->keep = !rule_file_is_enabled(file);
        wish->mask = !wish->keep && file->folder > 0;
        return wish->keep || wish->mask ? 0 : wish_other_text(file, false, wish);
}

static int wish_removed(const RuleBook *book, const RuleFile *file, const char *name) {
        if (file && file->folder > 0)
                return -EROFS;
        /* A file that was ignored, because there are too many. */
        _cleanup_free_ char *path = NULL;
        if (!file && asprintf(&path, "%s/%s", book->folders[0], RULE_ENTRY(name)) < 0)
                return -ENOMEM;
        return file || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0 ? 0 : -ENOENT;
}

static int make_wish(const RuleBook *book, const RuleChange *change, FileWish *wish) {
        const RuleFile *file = rule_book_find(book, change->name);
        int r;

        if (change->has_version && change->version != (file ? file->version : 0))
                return -ESTALE;
        switch (change->kind) {
        case RULE_CHANGE_WRITE:
                if (!change->text || (r = check_text(change->name, change->text)) < 0)
                        return change->text ? r : -EINVAL;
                wish->text = strdup(change->text);
                return wish->text ? 0 : -ENOMEM;
        case RULE_CHANGE_REMOVE:
                return wish_removed(book, file, change->name);
        case RULE_CHANGE_MASK:
                wish->mask = true;
                return 0;
        case RULE_CHANGE_ENABLE:
                return file ? wish_enabled(book, file, wish) : -ENOENT;
        case RULE_CHANGE_DISABLE:
                return file ? wish_disabled(file, wish) : -ENOENT;
        default:
                return -EINVAL;
        }
}

static int make_wishes(const RuleBook *book, const RuleChangeList *list, WishList *wishes) {
        int r = 0;

        wishes->wishes = calloc(list->n_changes + 1, sizeof(FileWish));
        if (!wishes->wishes)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_changes && r >= 0; i++) {
                const RuleChange *change = &list->changes[i];

                if (!rule_name_is_valid(change->name))
                        return -EINVAL;
                for (size_t k = 0; k < i; k++)
                        if (streq(list->changes[k].name, change->name))
                                return -EINVAL;
                FileWish *wish = &wishes->wishes[wishes->n_wishes++];
                wish->name = change->name;
                r = make_wish(book, change, wish);
        }
        return r;
}

/* Copies a file of the folder. Returns 0 or a negative errno. */
static int copy_file(int folder_fd, const char *name, const char *copy) {
        _cleanup_close_ int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        _cleanup_free_ char *text = NULL;
        size_t length;

        int r = fd < 0 ? -errno : file_read_all(fd, RULE_FILE_SIZE_MAX, &text, &length);
        return r < 0 ? r : file_create(folder_fd, copy, text);
}

/* Puts a second link to the file of the rule beside it. The kernel refuses it for the file of another owner
 * (fs.protected_hardlinks): then a copy. */
static int keep_former(int folder_fd, const char *entry, const char *former) {
        if (linkat(folder_fd, entry, folder_fd, former, 0) >= 0 || errno == ENOENT)
                return 0;
        return errno == EPERM ? copy_file(folder_fd, entry, former) : -errno;
}

/* Puts the new file and the former one beside the file of the rule, which stays as it is. */
static int prepare_file(int folder_fd, const FileWish *wish, RuleJournal *journal) {
        const char *former = RULE_BESIDE(wish->name, "former"), *new = RULE_BESIDE(wish->name, "new");

        (void)unlinkat(folder_fd, former, 0); /* a worker that was killed may have left them */
        (void)unlinkat(folder_fd, new, 0);
        int r = keep_former(folder_fd, RULE_ENTRY(wish->name), former);
        if (r < 0)
                return r;
        if (wish->text)
                r = file_create(folder_fd, new, wish->text);
        else if (wish->mask && symlinkat("/dev/null", folder_fd, new) < 0)
                r = -errno;
        return r < 0 ? r
                     : rule_journal_add(journal, wish->name, rule_journal_inode(folder_fd, former),
                                       rule_journal_inode(folder_fd, new));
}

static int put_file(int folder_fd, const RuleJournalEntry *change) {
        const char *entry = RULE_ENTRY(change->name);
        int r;

        if (change->next > 0)
                r = renameat(folder_fd, RULE_BESIDE(change->name, "new"), folder_fd, entry);
        else
                r = unlinkat(folder_fd, entry, 0) < 0 && errno != ENOENT ? -1 : 0;
        return r < 0 ? -errno : 0;
}

/* A single file is replaced atomically, so only several need the file of the journal. */
static int put_files(int folder_fd, const RuleJournal *journal) {
        int r = journal->n_entries > 1 ? rule_journal_write(journal, folder_fd) : 0;

        if (r < 0)
                return r;
        for (size_t i = 0; i < journal->n_entries && r >= 0; i++)
                r = put_file(folder_fd, &journal->entries[i]);
        if (r >= 0 && fsync(folder_fd) < 0)
                r = -errno;
        return r < 0 || journal->n_entries <= 1 ? r : rule_journal_commit(folder_fd);
}

static int change_files(int folder_fd, const WishList *list) {
        _cleanup_rule_journal_ RuleJournal journal = {};
        int r = 0;

        for (size_t i = 0; i < list->n_wishes && r >= 0; i++)
                if (!list->wishes[i].keep)
                        r = prepare_file(folder_fd, &list->wishes[i], &journal);
        if (r >= 0)
                r = put_files(folder_fd, &journal);
        /* If the former files cannot be brought back, the journal remains: they count, and the next worker tries again. */
        if (r >= 0 || rule_journal_undo(&journal, folder_fd) >= 0)
                rule_journal_clean(&journal, folder_fd);
        return r;
}

int rule_changes_make(RuleBook *book, const RuleChangeList *list, bool dry_run) {
        _cleanup_(wish_list_done) WishList wishes = {};

        int r = file_make_folder(book->folders[0]);
        if (r < 0)
                return r;
        _cleanup_close_ int folder_fd = -EBADF;
        _cleanup_close_ int lock_fd = dry_run ? -EBADF : rule_journal_lock(book->folders[0], &folder_fd);
        if (!dry_run && lock_fd < 0)
                return lock_fd;
        if ((r = rule_book_load(book, false)) < 0 || (r = make_wishes(book, list, &wishes)) < 0)
                return r;
        if (dry_run)
                return access(book->folders[0], W_OK | X_OK) < 0 ? -errno : 0;
        return change_files(folder_fd, &wishes);
}
