/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks.h"

static void print_all(const CheckList *list) {
        for (size_t i = 0; i < list->n_checks; i++)
                g_printerr("%s %s: %s [%s]\n", check_severity_to_string(list->checks[i].severity), list->checks[i].code,
                                list->checks[i].finding, strempty(list->checks[i].cure));
}

const Check *find_check(const CheckList *list, const char *code) {
        const Check *found = NULL;

        for (size_t i = 0; i < list->n_checks; i++)
                if (g_str_equal(list->checks[i].code, code)) {
                        if (found)
                                g_error("two checks are %s", code);
                        found = &list->checks[i];
                }
        return found;
}

void expect_check(const CheckList *list, const char *code, const char *severity, const char *says, const char *cure) {
        const Check *check = find_check(list, code);

        g_assert_cmpint(list->error, ==, 0);
        if (!check || !g_str_equal(check_severity_to_string(check->severity), severity) ||
                        !strstr(check->finding, says) || !g_pattern_match_simple(cure, strempty(check->cure))) {
                print_all(list);
                g_error("no check %s %s with \"%s\" and the cure \"%s\"", severity, code, says, cure);
        }
        /* A sentence. */
        size_t length = strlen(check->finding);
        g_assert_true(check->finding[length - 1] == '.');
}

void expect_no_check(const CheckList *list, const char *code) {
        if (find_check(list, code)) {
                print_all(list);
                g_error("there is a check %s", code);
        }
}

const char *check_get_detail(const Check *check, const char *key) {
        for (size_t i = 0; i < check->n_details; i++)
                if (g_str_equal(check->details[i].key, key))
                        return check->details[i].value;
        return NULL;
}
