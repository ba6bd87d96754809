/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text-compare.h"

#include <glib.h>

static void append_missing(GString *text, const char *sign, char *const *lines, const char *const *others) {
        for (; *lines; lines++)
                if (!g_strv_contains(others, *lines))
                        g_string_append_printf(text, "%s %s\n", sign, *lines);
}

void text_compare(const char *first, const char *other, const char *complaint) {
        g_auto(GStrv) lines = g_strsplit(first, "\n", -1), others = g_strsplit(other, "\n", -1);
        g_autoptr(GString) text = g_string_new(NULL);

        if (g_str_equal(first, other))
                return;
        append_missing(text, "-", lines, (const char *const *)others);
        append_missing(text, "+", others, (const char *const *)lines);
        g_error("%s:\n%s", complaint, text->str);
}
