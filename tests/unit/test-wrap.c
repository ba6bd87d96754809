/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/wrap.h"

#include <glib.h>
#include <locale.h>

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
                        /* Chinese characters have two columns, and no blanks between them. */
                        {"设备组", 6, "设备组"},
                        {"设备组", 5, "设备\n组"},
                        {"设备组", 3, "设\n备\n组"},
                        {"把 vfio 设备", 7, "把 vfio\n设备"},
                        {"运行sudo reboot", 8, "运行sudo\nreboot"},
                        {"运行sudo reboot", 7, "运行\nsudo\nreboot"},
                        /* Punctuation stays with the character before it, or after it. */
                        {"设备，组", 4, "设\n备，\n组"},
                        {"设备（组）", 6, "设备\n（组）"},
                        /* Hebrew letters have one column. */
                        {"\u05d0\u05d1 \u05d2", 4, "\u05d0\u05d1 \u05d2"},
                        {"\u05d0\u05d1 \u05d2", 3, "\u05d0\u05d1\n\u05d2"},
                        /* no UTF-8 */
                        {"\xff\xff x", 4, "\xff\xff x"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = wrap_words(cases[i].text, cases[i].width);

                g_assert_cmpstr(text, ==, cases[i].expected);
        }
}

static void test_width(void) {
        g_assert_cmpuint(wrap_width(""), ==, 0);
        g_assert_cmpuint(wrap_width("one"), ==, 3);
        g_assert_cmpuint(wrap_width("设备"), ==, 4);
        g_assert_cmpuint(wrap_width("\u05d0\u05d1"), ==, 2);
}

static void test_longest_line(void) {
        g_assert_cmpuint(wrap_longest_line("设备\nabc"), ==, 4);
        g_assert_cmpuint(wrap_longest_line(NULL), ==, 0);
        g_assert_cmpuint(wrap_longest_line(""), ==, 0);
        g_assert_cmpuint(wrap_longest_line("one two"), ==, 7);
        g_assert_cmpuint(wrap_longest_line("a\nbcd\n\xc3\xa4\n"), ==, 3);
}

int main(int argc, char **argv) {
        g_assert_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wrap/words", test_words);
        g_test_add_func("/wrap/width", test_width);
        g_test_add_func("/wrap/longest-line", test_longest_line);
        return g_test_run();
}
