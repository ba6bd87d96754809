/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/wrap.h"

#include <glib.h>

/* Long texts in the cells of a table. */

static void test_words(void) {
        static const struct {
                const char *text;
                size_t width;
                const char *expected;
        } cases[] = {
                        {"", 5, ""},
                        {"one", 5, "one"},
                        {"one two", 7, "one two"},
                        {"one two", 6, "one\ntwo"},
                        {"one two three", 9, "one two\nthree"},
                        {"one two three", 0, "one\ntwo\nthree"},
                        {"0000:03:00.0 0000:03:00.1", 0, "0000:03:00.0\n0000:03:00.1"},
                        {"a enormous b", 4, "a\nenormous\nb"},
                        {"enormous b c", 4, "enormous\nb c"},
                        {"a b ", 3, "a b\n"},
                        /* two characters of two bytes */
                        {"\xc3\xa4\xc3\xb6 x", 4, "\xc3\xa4\xc3\xb6 x"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strdup(cases[i].text);

                wrap_words(text, cases[i].width);
                g_assert_cmpstr(text, ==, cases[i].expected);
        }
}

static void test_longest_line(void) {
        g_assert_cmpuint(wrap_longest_line(NULL), ==, 0);
        g_assert_cmpuint(wrap_longest_line(""), ==, 0);
        g_assert_cmpuint(wrap_longest_line("one two"), ==, 7);
        g_assert_cmpuint(wrap_longest_line("a\nbcd\n\xc3\xa4\n"), ==, 3);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wrap/words", test_words);
        g_test_add_func("/wrap/longest-line", test_longest_line);
        return g_test_run();
}
