/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-book.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

/* The folders of rules: which file is used, and what happens to a file that cannot be read. */

#define RULE "[Match]\nVendor=8086\nDevice=10d3\n"
#define OTHER_RULE "[Match]\nVendor=8086\nDevice=100e\n"

typedef struct Books {
        TempTree *tree;
        RuleBook *book;
} Books;

static Books books_new(void) {
        Books books = {.tree = temp_tree_new()};
        g_autofree char *own = temp_tree_path(books.tree, "etc/vfiod/rules.d");
        g_autofree char *temporary = temp_tree_path(books.tree, "run/rules.d");
        g_autofree char *shipped = temp_tree_path(books.tree, "lib/rules.d");
        const char *const folders[] = {own, temporary, shipped, NULL};

        g_assert_cmpint(rule_book_new(folders, &books.book), ==, 0);
        return books;
}

static void books_free(Books *books) {
        rule_book_free(books->book);
        temp_tree_free(books->tree);
}
#define _cleanup_books_ _cleanup_(books_free)

/* All files in one text: "name state[ line message]", one line for each file. */
static char *describe(const RuleBook *book) {
        static const char *const states[_RULE_FILE_STATE_MAX] = {"valid", "off", "masked", "disabled"};
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < book->n_files; i++) {
                const RuleFile *file = &book->files[i];

                g_assert_true((file->state == RULE_FILE_VALID) == (file->rule != NULL));
                g_string_append_printf(text, "%s %s", file->name, states[file->state]);
                if (file->state == RULE_FILE_INVALID)
                        g_string_append_printf(text, " %u %s", file->fault.line, file->fault.message);
                g_string_append_c(text, '\n');
        }
        return g_string_free(text, FALSE);
}

static void assert_loads(Books *books, const char *expected) {
        g_assert_cmpint(rule_book_load(books->book, true), ==, 0);
        g_autofree char *text = describe(books->book);
        g_assert_cmpstr(text, ==, expected);
}

static void test_nothing(void) {
        _cleanup_books_ Books books = books_new();

        assert_loads(&books, "");
        g_assert_null(rule_book_find(books.book, "x"));
        temp_tree_folder(books.tree, "etc/vfiod/rules.d");
        assert_loads(&books, "");
}

/* Ordered by file name over all folders; only names that end in .conf and are not hidden. */
static void test_order(void) {
        _cleanup_books_ Books books = books_new();

        temp_tree_file(books.tree, RULE, "etc/vfiod/rules.d/50-b.conf");
        temp_tree_file(books.tree, RULE, "run/rules.d/60-c.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/40-a.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/50.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/50-bb.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/.hidden.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/README");
        temp_tree_file(books.tree, RULE, "lib/rules.d/x.conf~");
        temp_tree_file(books.tree, RULE, "lib/rules.d/x.conf.dpkg-new");
        assert_loads(&books, "40-a valid\n50-b valid\n50-bb valid\n50 valid\n60-c valid\n");
        const RuleFile *file = rule_book_find(books.book, "60-c");
        g_assert_true(g_str_has_suffix(file->path, "/run/rules.d/60-c.conf"));
        g_assert_cmpstr(file->rule->name, ==, "60-c");
        g_assert_cmpstr(file->rule->file, ==, file->path);
}

/* A file with higher priority replaces a file with lower priority, whatever it contains. */
static void test_priority(void) {
        static const char *const folders[] = {"etc/vfiod/rules.d", "run/rules.d", "lib/rules.d"};
        _cleanup_books_ Books books = books_new();

        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
                temp_tree_file(books.tree, RULE, "%s/a.conf", folders[i]);
                temp_tree_file(books.tree, RULE, "%s/b.conf", folders[i]);
                temp_tree_file(books.tree, RULE, "%s/%zu.conf", folders[i], i);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
                assert_loads(&books,
                                i == 0                   ? "0 valid\n1 valid\n2 valid\na valid\nb valid\n"
                                                : i == 1 ? "1 valid\n2 valid\na valid\nb valid\n"
                                                         : "2 valid\na valid\nb valid\n");
                g_autofree char *path = temp_tree_path(books.tree, "%s/a.conf", folders[i]);
                g_assert_cmpstr(rule_book_find(books.book, "a")->path, ==, path);
                temp_tree_remove(books.tree, "%s", folders[i]);
        }

        temp_tree_file(books.tree, "nonsense", "etc/vfiod/rules.d/bad.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/bad.conf");
        assert_loads(&books, "bad off 1 this is neither a section like [Match] nor KEY=VALUE: 'nonsense'\n");
}

#define LINK_FAULT " off 0 it is a symbolic link: only a link to /dev/null is allowed, which masks a rule\n"
#define LINKED "linked" LINK_FAULT

static void test_masks(void) {
        _cleanup_books_ Books books = books_new();

        temp_tree_file(books.tree, RULE, "lib/rules.d/empty.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/null.conf");
        temp_tree_file(books.tree, RULE, "lib/rules.d/linked.conf");
        temp_tree_file(books.tree, "", "etc/vfiod/rules.d/empty.conf");
        temp_tree_link(books.tree, "/dev/null", "run/rules.d/null.conf");
        temp_tree_link(books.tree, "/dev/null", "etc/vfiod/rules.d/alone.conf");
        temp_tree_file(books.tree, "", "store/nothing");
        temp_tree_link(books.tree, "../../../store/nothing", "etc/vfiod/rules.d/linked.conf");
        assert_loads(&books, "alone masked\nempty masked\n" LINKED "null masked\n");

        /* a file that replaces a mask */
        temp_tree_file(books.tree, RULE, "etc/vfiod/rules.d/null.conf");
        assert_loads(&books, "alone masked\nempty masked\n" LINKED "null valid\n");
        /* and without the masks */
        temp_tree_remove(books.tree, "etc/vfiod/rules.d");
        temp_tree_remove(books.tree, "run/rules.d/null.conf");
        assert_loads(&books, "empty valid\nlinked valid\nnull valid\n");
}

static void set_mode(TempTree *tree, const char *path, mode_t mode, uid_t owner) {
        g_autofree char *file = temp_tree_path(tree, "%s", path);

        g_assert_cmpint(chown(file, owner, (gid_t)-1), ==, 0);
        g_assert_cmpint(chmod(file, mode), ==, 0);
}

/* What others than root can write is no rule, and a directory that they can write to has none. */
static void test_writable(void) {
        static const char *const fault =
                        "off 0 others than root can write it: it must belong to root, and have the mode 0644 or less";
        _cleanup_books_ Books books = books_new();
        TempTree *tree = books.tree;

        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/group.conf");
        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/other.conf");
        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/owner.conf");
        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/root.conf");
        set_mode(tree, "etc/vfiod/rules.d/group.conf", 0664, 0);
        set_mode(tree, "etc/vfiod/rules.d/other.conf", 0646, 0);
        set_mode(tree, "etc/vfiod/rules.d/owner.conf", 0644, 1000);
        set_mode(tree, "etc/vfiod/rules.d/root.conf", 0600, 0);
        g_autofree char *expected = g_strdup_printf("group %s\nother %s\nowner %s\nroot valid\n", fault, fault, fault);
        assert_loads(&books, expected);

        temp_tree_file(tree, OTHER_RULE, "lib/rules.d/shipped.conf");
        set_mode(tree, "etc/vfiod/rules.d", 0777, 0);
        assert_loads(&books, "shipped valid\n");
        set_mode(tree, "etc/vfiod/rules.d", 0755, 1000);
        assert_loads(&books, "shipped valid\n");
        set_mode(tree, "etc/vfiod/rules.d", 0755, 0);
        g_autofree char *again = g_strconcat(expected, "shipped valid\n", NULL);
        assert_loads(&books, again);
}

/* Other files do not block the rules. No open waits or has a side effect. */
static void test_not_rules(void) {
        g_autofree char *large = g_strnfill(RULE_FILE_SIZE_MAX + 1, '\n'), *fits = g_strnfill(RULE_FILE_SIZE_MAX, '\n');
        g_autofree char *long_name = g_strnfill(RULE_NAME_MAX, 'x'), *expected = NULL;
        _cleanup_books_ Books books = books_new();
        TempTree *tree = books.tree;

        temp_tree_folder(tree, "etc/vfiod/rules.d/10-folder.conf");
        g_autofree char *fifo = temp_tree_path(tree, "etc/vfiod/rules.d/11-fifo.conf");
        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        temp_tree_file(tree, large, "etc/vfiod/rules.d/12-large.conf");
        memcpy(fits, RULE, strlen(RULE));
        temp_tree_file(tree, fits, "etc/vfiod/rules.d/13-fits.conf");
        temp_tree_link(tree, "14-loop.conf", "etc/vfiod/rules.d/14-loop.conf");
        temp_tree_link(tree, "nowhere", "etc/vfiod/rules.d/15-nowhere.conf");
        temp_tree_link(tree, "/dev/zero", "etc/vfiod/rules.d/16-device.conf");
        temp_tree_link(tree, "13-fits.conf", "etc/vfiod/rules.d/17-link.conf");
        g_autofree char *with_nul = temp_tree_path(tree, "etc/vfiod/rules.d/18-nul.conf");
        g_assert_true(g_file_set_contents(with_nul, RULE "\0", sizeof(RULE), NULL));
        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/19 blank.conf");
        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/20-\xff.conf");
        temp_tree_file(tree, RULE, "etc/vfiod/rules.d/%s.conf", long_name);
        temp_tree_file(tree, "# nothing\n", "etc/vfiod/rules.d/30-comments.conf");
        temp_tree_file(tree, RULE, "lib/rules.d/99-good.conf");

        expected = g_strdup_printf(
                        "10-folder off 0 it is not a regular file\n11-fifo off 0 it is not a regular file\n"
                        "12-large off 0 it is too large: a rule has at most 64 KiB\n13-fits valid\n"
                        "14-loop" LINK_FAULT "15-nowhere" LINK_FAULT "16-device" LINK_FAULT "17-link" LINK_FAULT
                        "18-nul off 4 it is not a text file: it contains a NUL byte\n"
                        "19 blank off 0 its name is too long, or has other characters than letters, digits, '-', '_' "
                        "and '.'\n"
                        "20-\xff off 0 its name is too long, or has other characters than letters, digits, '-', '_' "
                        "and '.'\n"
                        "30-comments off 0 the section [Match] is missing\n99-good valid\n"
                        "%s off 0 its name is too long, or has other characters than letters, digits, '-', '_' and "
                        "'.'\n",
                        long_name);
        assert_loads(&books, expected);
}

/* A folder that cannot be read may contain masks. So nothing is known, and the rule book stays unchanged. */
static void test_bad_folder(void) {
        _cleanup_books_ Books books = books_new();

        temp_tree_file(books.tree, RULE, "lib/rules.d/a.conf");
        assert_loads(&books, "a valid\n");
        const RuleFile *files = books.book->files;
        temp_tree_file(books.tree, RULE, "lib/rules.d/b.conf");
        temp_tree_file(books.tree, RULE, "run/rules.d");
        g_assert_cmpint(rule_book_load(books.book, true), ==, -ENOTDIR);
        g_assert_true(books.book->files == files);
        g_autofree char *text = describe(books.book);
        g_assert_cmpstr(text, ==, "a valid\n");
        temp_tree_remove(books.tree, "run/rules.d");
        assert_loads(&books, "a valid\nb valid\n");
}

/* Too many rules: the first ones are used. */
static void test_many(void) {
        _cleanup_books_ Books books = books_new();

        for (unsigned i = 0; i < RULES_MAX + 2; i++)
                temp_tree_file(books.tree, RULE, "%s/%05u.conf", i % 2 ? "etc/vfiod/rules.d" : "lib/rules.d", i);
        g_assert_cmpint(rule_book_load(books.book, true), ==, 0);
        g_assert_cmpuint(books.book->n_files, ==, RULES_MAX);
        g_assert_cmpstr(books.book->files[RULES_MAX - 1].name, ==, "04095");
        g_assert_null(rule_book_find(books.book, "04096"));
        /* files in /etc that replace others do not add to the number */
        for (unsigned i = 0; i < 100; i++)
                temp_tree_file(books.tree, RULE, "run/rules.d/%05u.conf", i);
        g_assert_cmpint(rule_book_load(books.book, true), ==, 0);
        g_assert_cmpstr(books.book->files[RULES_MAX - 1].name, ==, "04095");
}

static void test_match(void) {
        _cleanup_books_ Books books = books_new();
        Device device = {.address = {.bus = 5}, .ids = {.vendor = 0x8086, .device = 0x10d3}, .present = true};
        const Rule *other = NULL;

        device.endpoint = true;
        temp_tree_file(books.tree, OTHER_RULE, "lib/rules.d/10.conf");
        temp_tree_file(books.tree, "[Match]\nAddress=0000:05:00.0\nVendor=8086\nDevice=100e\n", "lib/rules.d/20.conf");
        temp_tree_file(books.tree, "[Match]\nVendor=8086\n", "lib/rules.d/30.conf");
        temp_tree_file(books.tree, RULE, "etc/vfiod/rules.d/40.conf");
        temp_tree_file(books.tree, "bad", "etc/vfiod/rules.d/00.conf");
        g_assert_cmpint(rule_book_load(books.book, true), ==, 0);
        /* the first match counts, not the most specific rule and not the rule with the highest priority */
        g_assert_cmpstr(rule_book_match(books.book, &device, "", &other)->name, ==, "30");
        g_assert_cmpstr(other->name, ==, "20");

        device.ids.device = 0x100e;
        g_assert_cmpstr(rule_book_match(books.book, &device, "", NULL)->name, ==, "10");
        device.ids.vendor = 0x10de;
        g_assert_null(rule_book_match(books.book, &device, "", &other));
        g_assert_cmpstr(other->name, ==, "20");
        device.address.bus = 6;
        g_assert_null(rule_book_match(books.book, &device, "", &other));
        g_assert_null(other);
}

static void assert_mode(const char *path, mode_t expected) {
        struct stat status;

        g_assert_cmpint(stat(path, &status), ==, 0);
        g_assert_cmpuint(status.st_mode & 07777, ==, expected);
}

/* The check before the write gives the same result as the write, and writes nothing itself. */
static int add_checked(const RuleBook *book, const char *name, const char *text) {
        int checked = rule_book_check_add(book, name), checked_again = rule_book_check_add(book, name);
        int r = rule_book_add(book, name, text);

        g_assert_cmpint(checked, ==, r);
        g_assert_cmpint(checked_again, ==, r);
        return r;
}

static void test_add(void) {
        _cleanup_books_ Books books = books_new();
        g_autofree char *folder = temp_tree_path(books.tree, "etc/vfiod/rules.d");
        g_autofree char *path = g_build_filename(folder, "new.conf", NULL), *text = NULL;

        mode_t mask = umask(0077); /* as in the systemd unit */
        g_assert_cmpint(add_checked(books.book, "new", RULE), ==, 0);
        umask(mask);
        assert_mode(folder, 0755);
        assert_mode(path, 0644);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, RULE);
        assert_loads(&books, "new valid\n");

        /* no existing file is replaced, also no mask and no dangling link */
        g_assert_cmpint(add_checked(books.book, "new", OTHER_RULE), ==, -EEXIST);
        temp_tree_link(books.tree, "/dev/null", "etc/vfiod/rules.d/mask.conf");
        temp_tree_link(books.tree, "nowhere", "etc/vfiod/rules.d/link.conf");
        temp_tree_folder(books.tree, "etc/vfiod/rules.d/folder.conf");
        g_assert_cmpint(add_checked(books.book, "mask", RULE), ==, -EEXIST);
        g_assert_cmpint(add_checked(books.book, "link", RULE), ==, -EEXIST);
        g_assert_cmpint(add_checked(books.book, "folder", RULE), ==, -EEXIST);

        /* a temporary file of a killed daemon does not disturb, and a link in its place is not followed */
        temp_tree_file(books.tree, "half", "etc/vfiod/rules.d/.again.new");
        g_assert_cmpint(add_checked(books.book, "again", RULE), ==, 0);
        temp_tree_file(books.tree, "victim", "victim");
        temp_tree_link(books.tree, "../../../victim", "etc/vfiod/rules.d/.third.new");
        g_assert_cmpint(add_checked(books.book, "third", RULE), ==, 0);
        g_autofree char *victim = temp_tree_path(books.tree, "victim"), *untouched = NULL;
        g_assert_true(g_file_get_contents(victim, &untouched, NULL, NULL));
        g_assert_cmpstr(untouched, ==, "victim");

        /* replaces a file in a folder with lower priority */
        temp_tree_file(books.tree, OTHER_RULE, "lib/rules.d/shipped.conf");
        g_assert_cmpint(add_checked(books.book, "shipped", RULE), ==, 0);
        assert_loads(&books,
                        "again valid\nfolder off 0 it is not a regular file\nlink" LINK_FAULT
                        "mask masked\nnew valid\nshipped valid\nthird valid\n");
        g_assert_cmphex((unsigned)rule_book_find(books.book, "shipped")->rule->device, ==, 0x10d3);

        /* the folder contains nothing else */
        g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
        unsigned n = 0;
        while (g_dir_read_name(directory))
                n++;
        g_assert_cmpuint(n, ==, 7);

        _cleanup_books_ Books blocked = books_new();
        temp_tree_file(blocked.tree, "", "etc/vfiod");
        g_assert_cmpint(add_checked(blocked.book, "x", RULE), ==, -ENOTDIR);
}

static void test_remove(void) {
        _cleanup_books_ Books books = books_new();

        g_assert_cmpint(rule_book_remove(books.book, "none"), ==, -ENOENT);
        temp_tree_file(books.tree, RULE, "lib/rules.d/both.conf");
        temp_tree_file(books.tree, RULE, "run/rules.d/shipped.conf");
        assert_loads(&books, "both valid\nshipped valid\n");
        g_assert_cmpint(rule_book_remove(books.book, "shipped"), ==, -EROFS);

        temp_tree_file(books.tree, "bad", "etc/vfiod/rules.d/both.conf");
        temp_tree_link(books.tree, "/dev/null", "etc/vfiod/rules.d/shipped.conf");
        g_assert_cmpint(rule_book_load(books.book, true), ==, 0);
        g_assert_cmpint(rule_book_remove(books.book, "both"), ==, 0);
        g_assert_cmpint(rule_book_remove(books.book, "shipped"), ==, 0);
        g_assert_cmpint(rule_book_remove(books.book, "none"), ==, -ENOENT);
        assert_loads(&books, "both valid\nshipped valid\n");
        g_assert_cmpint(rule_book_remove(books.book, "both"), ==, -EROFS);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/rule-book/nothing", test_nothing);
        g_test_add_func("/rule-book/order", test_order);
        g_test_add_func("/rule-book/priority", test_priority);
        g_test_add_func("/rule-book/masks", test_masks);
        g_test_add_func("/rule-book/writable", test_writable);
        g_test_add_func("/rule-book/not-rules", test_not_rules);
        g_test_add_func("/rule-book/bad-folder", test_bad_folder);
        g_test_add_func("/rule-book/many", test_many);
        g_test_add_func("/rule-book/match", test_match);
        g_test_add_func("/rule-book/add", test_add);
        g_test_add_func("/rule-book/remove", test_remove);
        return g_test_run();
}
