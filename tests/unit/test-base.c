/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/outcome.h"
#include "base/string-pool.h"

#include <glib.h>

/* Outcomes, the helpers of util.h, and the string pool. */

static void test_outcome_names(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (Outcome outcome = 0; outcome < _OUTCOME_MAX; outcome++) {
                const char *name = outcome_to_string(outcome);

                g_assert_nonnull(name);
                g_assert_true(g_ascii_isupper(name[0]));
                for (const char *c = name; *c; c++)
                        g_assert_true(g_ascii_isalnum(*c));
                g_assert_true(g_hash_table_add(seen, (char *)name));
        }
        g_assert_null(outcome_to_string(_OUTCOME_MAX));
        g_assert_null(outcome_to_string(_OUTCOME_INVALID));
}

static void test_problem(void) {
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(problem_set(&problem, OUTCOME_HELD, "%s is held by %d", "x", 5), ==, OUTCOME_HELD);
        g_assert_cmpint(problem.outcome, ==, OUTCOME_HELD);
        g_assert_cmpstr(problem.message, ==, "x is held by 5");
        /* A new message replaces the old message and may quote it. */
        g_assert_cmpint(problem_set(&problem, OUTCOME_ROLLED_BACK, "%s, undone", problem.message), ==,
                        OUTCOME_ROLLED_BACK);
        g_assert_cmpstr(problem.message, ==, "x is held by 5, undone");
        /* The quoted text can be sent on the bus and shown on a terminal. */
        g_assert_cmpint(problem_set(&problem, OUTCOME_FAILED, "%s is on %s", "b\xff\xfe", "a\033[31mred"), ==,
                        OUTCOME_FAILED);
        g_assert_cmpstr(problem.message, ==, "b\\xff\\xfe is on a\\x1b[31mred");
        problem_done(&problem);
        g_assert_null(problem.message);
        g_assert_cmpint(problem.outcome, ==, OUTCOME_DONE);
}

static void test_strings(void) {
        char *owned = NULL;

        g_assert_cmpint(free_and_strdup(&owned, "a"), ==, 1);
        g_assert_cmpint(free_and_strdup(&owned, "a"), ==, 0);
        g_assert_cmpint(free_and_strdup(&owned, "b"), ==, 1);
        g_assert_cmpstr(owned, ==, "b");
        g_assert_cmpint(free_and_strdup(&owned, ""), ==, 1);
        g_assert_null(owned);
        g_assert_cmpint(free_and_strdup(&owned, NULL), ==, 0);

        g_assert_cmpstr(startswith("group:25", "group:"), ==, "25");
        g_assert_null(startswith("group", "group:"));
        g_assert_true(streq_ptr(NULL, NULL));
        g_assert_false(streq_ptr("", NULL));
}

static void test_take(void) {
        char *text = strdup("x"), *taken = TAKE_PTR(text);
        int fd = dup(STDERR_FILENO), taken_fd = TAKE_FD(fd);

        g_assert_null(text);
        g_assert_cmpint(fd, <, 0);
        free(taken);
        g_assert_cmpint(safe_close(taken_fd), ==, -EBADF);
        errno = ENOTTY;
        g_assert_cmpint(safe_close(-EBADF), ==, -EBADF);
        g_assert_cmpint(errno, ==, ENOTTY);
}

static void test_string_pool(void) {
        StringPool pool = {};
        const char *first = NULL, *second = NULL;
        char name[] = "vfio-pci";

        g_assert_cmpint(string_pool_set(&pool, &first, NULL), ==, 0);
        g_assert_cmpint(string_pool_set(&pool, &first, ""), ==, 0);
        g_assert_cmpint(string_pool_set(&pool, &first, name), ==, 1);
        name[0] = 'x';
        g_assert_cmpstr(first, ==, "vfio-pci");
        g_assert_cmpint(string_pool_set(&pool, &first, "vfio-pci"), ==, 0);
        g_assert_cmpint(string_pool_set(&pool, &second, "igb"), ==, 1);
        g_assert_cmpstr(second, ==, "igb");
        g_assert_cmpint(string_pool_set(&pool, &second, "vfio-pci"), ==, 1);
        g_assert_true(second == first);
        g_assert_cmpint(string_pool_set(&pool, &second, ""), ==, 1);
        g_assert_null(second);
        g_assert_cmpstr(first, ==, "vfio-pci");
        string_pool_done(&pool);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/outcome/names", test_outcome_names);
        g_test_add_func("/outcome/problem", test_problem);
        g_test_add_func("/util/strings", test_strings);
        g_test_add_func("/util/take", test_take);
        g_test_add_func("/string-pool", test_string_pool);
        return g_test_run();
}
