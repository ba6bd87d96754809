/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-change.h"
#include "rule/rule-journal.h"
#include "syscall-killer.h"
#include "temp-tree.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* A worker is killed at each syscall of a change of several rules: those who read the rules then see all changes or none, and the next
 * worker makes the files so. */

#define OLD_TEXT "[Match]\nVendor=8086\n"
#define NEW_TEXT "[Match]\nVendor=10de\n"
#define FOLDER "etc/rules.d"
#define BEFORE "gone=8086 kept=8086 shipped=1234 written=8086 "
#define AFTER "added=10de kept=8086 shipped=mask written=10de "

typedef struct Bed {
        TempTree *tree;
        RuleBook *book;
        RuleChangeList changes;
} Bed;

static void put(const Bed *bed, const char *name, const char *text) {
        temp_tree_file(bed->tree, text, FOLDER "/%s.conf", name);
}

static void begin(Bed *bed) {
        *bed = (Bed){.tree = temp_tree_new()};
        g_autofree char *own = temp_tree_path(bed->tree, FOLDER), *shipped = temp_tree_path(bed->tree, "lib/rules.d");
        const char *const folders[] = {own, shipped, NULL};

        g_assert_cmpint(rule_book_new(folders, &bed->book), ==, 0);
        put(bed, "gone", OLD_TEXT);
        put(bed, "kept", OLD_TEXT);
        put(bed, "written", OLD_TEXT);
        temp_tree_file(bed->tree, "[Match]\nVendor=1234\n", "lib/rules.d/shipped.conf");
        g_assert_cmpint(rule_change_list_add(&bed->changes, "written", RULE_CHANGE_WRITE, NEW_TEXT), ==, 0);
        g_assert_cmpint(rule_change_list_add(&bed->changes, "gone", RULE_CHANGE_REMOVE, NULL), ==, 0);
        g_assert_cmpint(rule_change_list_add(&bed->changes, "shipped", RULE_CHANGE_DISABLE, NULL), ==, 0);
        g_assert_cmpint(rule_change_list_add(&bed->changes, "kept", RULE_CHANGE_ENABLE, NULL), ==, 0);
        g_assert_cmpint(rule_change_list_add(&bed->changes, "added", RULE_CHANGE_WRITE, NEW_TEXT), ==, 0);
}

static void end(Bed *bed) {
        rule_change_list_done(&bed->changes);
        rule_book_free(bed->book);
        temp_tree_free(bed->tree);
}

/* The rules of the book: "NAME=VENDOR ". */
static char *describe(RuleBook *book) {
        GString *text = g_string_new(NULL);

        g_assert_cmpint(rule_book_load(book, true), ==, 0);
        for (size_t i = 0; i < book->n_files; i++) {
                const RuleFile *file = &book->files[i];

                if (file->rule)
                        g_string_append_printf(text, "%s=%04x ", file->name, (unsigned)file->rule->vendor);
                else
                        g_string_append_printf(
                                        text, "%s=%s ", file->name, file->state == RULE_FILE_MASKED ? "mask" : "?");
        }
        return g_string_free(text, FALSE);
}

static void lock_and_recover(const Bed *bed) {
        int fd = rule_journal_lock(bed->book->folders[0], NULL);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(close(fd), ==, 0);
}

/* Temporary files may remain, but no journal. */
static void check_no_journal(const Bed *bed) {
        g_autofree char *path = g_build_filename(bed->book->folders[0], ".vfiod.changes", NULL);
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void change(void *userdata) {
        Bed *bed = userdata;

        syscall_killer_mark();
        _exit(rule_changes_make(bed->book, &bed->changes, false) < 0);
}

static void recover(void *userdata) {
        syscall_killer_mark();
        _exit(rule_journal_lock(((Bed *)userdata)->book->folders[0], NULL) < 0);
}

/* Runs the callback, and kills it at this syscall. Returns false if it ended before. */
static bool run(Bed *bed, void (*callback)(void *userdata), unsigned at) {
        KillPoint point = {0, at, KILL_IT};
        KillerEnd killed;

        syscall_killer_run(&(SyscallKiller){.points = &point, .n_points = 1}, callback, bed, &killed);
        g_assert_true(killed.n_killed > 0 || killed.exit_status == 0);
        return killed.n_killed > 0;
}

static void test_killed(void) {
        unsigned n_before = 0, n_after = 0, n_interrupted = 0;

        for (unsigned at = 1;; at++) {
                Bed bed;

                begin(&bed);
                bool killed = run(&bed, change, at);
                g_autofree char *seen = describe(bed.book);
                n_interrupted += bed.book->is_being_changed;
                lock_and_recover(&bed);
                g_autofree char *then = describe(bed.book);
                g_assert_false(bed.book->is_being_changed);
                g_assert_cmpstr(then, ==, seen);
                check_no_journal(&bed);
                if (!streq(seen, AFTER))
                        g_assert_cmpstr(seen, ==, BEFORE);
                n_before += killed && streq(seen, BEFORE);
                n_after += killed && streq(seen, AFTER);
                /* what was left disturbs no later change */
                if (streq(seen, BEFORE))
                        g_assert_cmpint(rule_changes_make(bed.book, &bed.changes, false), ==, 0);
                g_autofree char *last = describe(bed.book);
                g_assert_cmpstr(last, ==, AFTER);
                end(&bed);
                if (!killed)
                        break;
        }
        g_assert_cmpuint(n_before, >, 20);
        g_assert_cmpuint(n_after, >, 2);
        g_assert_cmpuint(n_interrupted, >, 4);
}

/* Makes a change that is interrupted in its middle. */
static void interrupt(Bed *bed) {
        for (unsigned at = 1, n = 0; n < 4; at++) {
                begin(bed);
                g_assert_true(run(bed, change, at));
                g_free(describe(bed->book));
                n += bed->book->is_being_changed;
                if (n < 4)
                        end(bed);
        }
}

static void test_recovery_killed(void) {
        bool killed = true;

        for (unsigned at = 1; killed; at++) {
                Bed bed;

                interrupt(&bed);
                killed = run(&bed, recover, at);
                g_autofree char *seen = describe(bed.book);
                g_assert_cmpstr(seen, ==, BEFORE);
                lock_and_recover(&bed);
                g_autofree char *then = describe(bed.book);
                g_assert_cmpstr(then, ==, BEFORE);
                check_no_journal(&bed);
                end(&bed);
        }
}

/* Somebody has edited a file after the worker was killed: that is kept. */
static void test_edited(void) {
        Bed bed;

        interrupt(&bed);
        put(&bed, "gone", "[Match]\nVendor=aaaa\n");
        g_autofree char *written = g_strconcat(bed.book->folders[0], "/written.conf", NULL);
        g_autofree char *other = g_strconcat(written, ".tmp", NULL);
        g_assert_true(g_file_set_contents(other, "[Match]\nVendor=bbbb\n", -1, NULL));
        g_assert_cmpint(g_rename(other, written), ==, 0);
        g_autofree char *seen = describe(bed.book);
        g_assert_cmpstr(seen, ==, "gone=aaaa kept=8086 shipped=1234 written=bbbb ");
        lock_and_recover(&bed);
        g_autofree char *then = describe(bed.book);
        g_assert_cmpstr(then, ==, seen);
        check_no_journal(&bed);
        end(&bed);
}

/* A file of this name that is not of vfiod hides no rule. */
static void test_foreign(void) {
        static const char *const texts[] = {"", "x", "vfiod-changes 1\n../x 1 2\n", "vfiod-changes 1\nkept 1\n",
                        "vfiod-changes 1\nkept 1 2 3\n", "vfiod-changes 1\nkept 1 2"};

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                Bed bed;

                begin(&bed);
                temp_tree_file(bed.tree, texts[i], FOLDER "/.vfiod.changes");
                g_autofree char *seen = describe(bed.book);
                g_assert_cmpstr(seen, ==, BEFORE);
                g_assert_false(bed.book->is_being_changed);
                lock_and_recover(&bed);
                check_no_journal(&bed);
                end(&bed);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/rule-changes/killed", test_killed);
        g_test_add_func("/rule-changes/recovery-killed", test_recovery_killed);
        g_test_add_func("/rule-changes/edited", test_edited);
        g_test_add_func("/rule-changes/foreign", test_foreign);
        return g_test_run();
}
