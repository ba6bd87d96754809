/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "fuzz.h"

/* In words of GLib and not of base/text.c: the text is one line that cannot change a terminal. */
static void assert_harmless(const char *text, TextEscape kind) {
        g_assert_true(g_utf8_validate(text, -1, NULL));
        for (const char *c = text; *c; c = g_utf8_next_char(c)) {
                gunichar value = g_utf8_get_char(c);
                GUnicodeType type = g_unichar_type(value);

                g_assert_false(g_unichar_iscntrl(value));
                g_assert_true(type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR);
                g_assert_false((value >= 0x202a && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069));
                g_assert_true(kind != TEXT_ASCII_ESCAPE || value < 0x7f);
        }
}

/* A small buffer holds the beginning, and no part of a character or an escape. */
static void check_small_buffer(const char *text, TextEscape kind, const char *whole) {
        for (size_t size = 1; size < 12; size++) {
                g_autofree char *small = g_malloc(size);

                g_assert_true(text_escape(text, kind, small, size) == small);
                g_assert_cmpuint(strlen(small), <, size);
                g_assert_true(g_str_has_prefix(whole, small));
                assert_harmless(small, kind);
        }
}

static void check_kind(const char *text, TextEscape kind) {
        size_t size = TEXT_ESCAPED_MAX(strlen(text));
        g_autofree char *buffer = g_malloc(size);
        _cleanup_free_ char *new = text_escape_new(text, kind), *again = NULL;

        (void)text_escape(text, kind, buffer, size);
        g_assert_cmpuint(strlen(buffer), <, size);
        g_assert_cmpstr(new, ==, buffer);
        g_assert_null(text_find_escaped(buffer));
        assert_harmless(buffer, kind);
        check_small_buffer(text, kind, buffer);
        if (kind == TEXT_NAME_ESCAPE) {
                g_assert_cmpint(text_unescape(buffer, &again), ==, 0);
                g_assert_cmpstr(again, ==, text);
        } else {
                again = text_escape_new(buffer, kind);
                g_assert_cmpstr(again, ==, buffer);
        }
}

static void check_message(const char *text) {
        _cleanup_free_ char *message = strdup(text), *expected = text_escape_new(text, TEXT_MESSAGE_ESCAPE);
        bool is_clean = text_find_escaped(text) == NULL;

        g_assert_cmpint(text_escape_message(&message), ==, 0);
        g_assert_cmpstr(message, ==, expected);
        g_assert_true(is_clean == streq(message, text));
}

static void check_excerpt(const char *text) {
        _cleanup_free_ char *whole = text_escape_new(text, TEXT_MESSAGE_ESCAPE);

        for (size_t size = 4; size < 80; size += 19) {
                g_autofree char *excerpt = g_malloc(size);

                (void)text_excerpt(text, excerpt, size);
                size_t length = strlen(excerpt);
                g_assert_cmpuint(length, <, size);
                assert_harmless(excerpt, TEXT_MESSAGE_ESCAPE);
                if (streq(excerpt, whole))
                        continue;
                g_assert_cmpuint(strlen(whole), >=, size);
                g_assert_true(g_str_has_suffix(excerpt, "..."));
                g_assert_cmpint(strncmp(excerpt, whole, length - 3), ==, 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = fuzz_text(data, size);
        _cleanup_free_ char *name = NULL;

        for (TextEscape kind = TEXT_NAME_ESCAPE; kind <= TEXT_ASCII_ESCAPE; kind++)
                check_kind(text, kind);
        check_message(text);
        check_excerpt(text);
        int r = text_unescape(text, &name);
        g_assert_true(r == 0 || r == -EINVAL);
        g_assert_true((r == 0) == (name != NULL));
        if (name)
                g_assert_cmpuint(strlen(name), <=, strlen(text));
        return 0;
}
