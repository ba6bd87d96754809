/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <glib.h>

/* {raw, escaped as a name}; escaped as a message it is the same, except for backslashes. */
static const char *const cases[][2] = {
                {"", ""},
                {"qemu-system-x86 (1)?", "qemu-system-x86 (1)?"},
                {"a\nb\tc\033[2J\177", "a\\x0ab\\x09c\\x1b[2J\\x7f"},
                {"Gr\xc3\xbc\xc3\x9f"
                 "e \xe2\x82\xac \xf0\x9f\x90\xa7",
                                "Gr\xc3\xbc\xc3\x9f"
                                "e \xe2\x82\xac \xf0\x9f\x90\xa7"},
                {"b\xff\xfe"
                 "c",
                                "b\\xff\\xfec"},
                {"\xc2\x85x", "\\xc2\\x85x"}, /* a control character of two bytes */
                {"caf\xe9", "caf\\xe9"},      /* Latin-1 */
                {"\xe2\x82", "\\xe2\\x82"},   /* truncated */
                {"\xe2\x82x", "\\xe2\\x82x"},
                {"\xc0\xaf", "\\xc0\\xaf"}, /* "/" in two bytes */
                {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
                {"\xed\xa0\x80", "\\xed\\xa0\\x80"},                            /* a surrogate */
                {"\xef\xbf\xbf\xef\xb7\x90", "\\xef\\xbf\\xbf\\xef\\xb7\\x90"}, /* no characters */
                {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},                   /* above the last code point */
                {"\xff\xfe\x80", "\\xff\\xfe\\x80"},
                /* U+202E and similar characters reverse the following text; U+2028 begins a new line. */
                {"\xe2\x80\xae", "\\xe2\\x80\\xae"},
                {"\xe2\x80\xaa", "\\xe2\\x80\\xaa"},
                {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
                {"\xe2\x81\xa9", "\\xe2\\x81\\xa9"},
                {"\xe2\x80\x8e", "\\xe2\\x80\\x8e"},
                {"\xe2\x80\x8f", "\\xe2\\x80\\x8f"},
                {"\xd8\x9c", "\\xd8\\x9c"},
                {"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
                {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},
                {"back\\slash\\x41", "back\\x5cslash\\x5cx41"},
};

static bool is_harmless(const char *text) {
        if (!g_utf8_validate(text, -1, NULL))
                return false;
        for (const char *c = text; *c; c = g_utf8_next_char(c)) {
                gunichar value = g_utf8_get_char(c);

                if (value == '\\')
                        continue;
                if (value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0x61c || value == 0x200e ||
                                value == 0x200f || (value >= 0x2028 && value <= 0x202e) ||
                                (value >= 0x2066 && value <= 0x2069))
                        return false;
        }
        return true;
}

static void test_cases(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *name = text_escape_new(cases[i][0], TEXT_NAME_ESCAPE);
                g_autofree char *message = text_escape_new(cases[i][0], TEXT_MESSAGE_ESCAPE);
                g_autofree char *ascii = text_escape_new(cases[i][0], TEXT_ASCII_ESCAPE);
                g_autofree char *again = text_escape_new(name, TEXT_MESSAGE_ESCAPE);
                g_autofree char *raw = NULL;
                char *in_place = strdup(cases[i][0]);

                g_assert_cmpstr(name, ==, cases[i][1]);
                g_assert_cmpint(text_unescape(name, &raw), ==, 0);
                g_assert_cmpstr(raw, ==, cases[i][0]);
                /* A message that quotes it changes nothing more. */
                g_assert_cmpstr(again, ==, name);
                if (!strchr(cases[i][0], '\\'))
                        g_assert_cmpstr(message, ==, name);
                g_assert_cmpint(text_escape_message(&in_place), ==, 0);
                g_assert_cmpstr(in_place, ==, message);
                g_assert_true(g_str_is_ascii(ascii));
                g_assert_true(!text_find_escaped(cases[i][0]) == g_str_equal(message, cases[i][0]));
                free(in_place);
        }
        g_assert_cmpstr(TEXT_NAME(NULL), ==, "");
        g_assert_cmpstr(TEXT_NAME("a\\\x01"), ==, "a\\x5c\\x01");
        g_assert_cmpstr(text_find_escaped("ab\ncd"), ==, "\ncd");
}

/* A text that does not fit is cut before a character or an escape sequence, never within. */
static void test_cut(void) {
        static const char text[] = "a\xff\xe2\x82\254b";
        static const char *const expected[] = {"", "a", "a", "a", "a", "a\\xff", "a\\xff", "a\\xff",
                        "a\\xff\xe2\x82\xac", "a\\xff\xe2\x82\254b"};
        char buffer[16];

        for (size_t size = 1; size <= G_N_ELEMENTS(expected); size++) {
                memset(buffer, '#', sizeof(buffer));
                g_assert_cmpstr(text_escape(text, TEXT_NAME_ESCAPE, buffer, size), ==, expected[size - 1]);
                g_assert_cmpint(buffer[size], ==, '#');
        }
}

static void test_wrong_escapes(void) {
        static const char *const wrong[] = {
                        "\\", "a\\", "\\x", "\\x4", "\\x4g", "\\xg4", "\\n", "\\\\", "\\x00", "\\X41"};
        char *raw = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_assert_cmpint(text_unescape(wrong[i], &raw), ==, -EINVAL);
                g_assert_null(raw);
        }
        g_assert_cmpint(text_unescape("\\x41\\xfF", &raw), ==, 0);
        g_assert_cmpstr(raw, ==, "A\xff");
        free(raw);
}

/* For any bytes: the result is valid and harmless, and can be converted back. */
static void test_random(void) {
        static const char *const pieces[] = {
                        "\xe2\x80\xae", "\xe2\x80", "\\x", "\\", "\033[", "\xf0\x9f\x90\xa7", "\xc2"};

        for (unsigned i = 0; i < 100000; i++) {
                char text[64] = {};
                size_t n = (size_t)g_test_rand_int_range(0, 40);

                for (size_t k = 0; k < n;) {
                        const char *piece = pieces[g_test_rand_int_range(0, G_N_ELEMENTS(pieces))];

                        if (g_test_rand_int_range(0, 4) > 0)
                                text[k++] = (char)g_test_rand_int_range(1, 256);
                        else
                                for (; *piece; piece++)
                                        text[k++] = *piece;
                }
                g_autofree char *name = text_escape_new(text, TEXT_NAME_ESCAPE), *raw = NULL;
                g_autofree char *message = text_escape_new(text, TEXT_MESSAGE_ESCAPE);
                g_autofree char *again = text_escape_new(message, TEXT_MESSAGE_ESCAPE);

                g_assert_true(is_harmless(name));
                g_assert_true(is_harmless(message));
                g_assert_cmpstr(again, ==, message);
                g_assert_cmpint(text_unescape(name, &raw), ==, 0);
                g_assert_cmpstr(raw, ==, text);
                g_assert_cmpstr(TEXT_NAME(text), ==, name);
                g_assert_cmpuint(strlen(name), <, TEXT_ESCAPED_MAX(strlen(text)));
        }
}

static void test_excerpt(void) {
        static const struct {
                const char *text, *excerpt;
        } excerpts[] = {
                        {"", ""},
                        {"1234567", "1234567"},
                        {"12345678", "1234..."},
                        {"1234567890", "1234..."},
                        {"a\nb", "a\\x0ab"},
                        {"a\n\n", "a..."},
                        {"a\\x0ab", "a\\x0ab"},
                        /* It is cut between two characters. */
                        {"123\xc3\xa4"
                         "5678",
                                        "123..."},
                        {"12\xc3\xa4"
                         "5678",
                                        "12\xc3\xa4..."},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(excerpts); i++) {
                char buffer[8];

                g_assert_cmpstr(text_excerpt(excerpts[i].text, buffer, sizeof(buffer)), ==, excerpts[i].excerpt);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/text/cases", test_cases);
        g_test_add_func("/text/cut", test_cut);
        g_test_add_func("/text/wrong-escapes", test_wrong_escapes);
        g_test_add_func("/text/random", test_random);
        g_test_add_func("/text/excerpt", test_excerpt);
        return g_test_run();
}
