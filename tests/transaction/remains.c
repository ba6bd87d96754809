/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remains.h"

/* "device ADDRESS IDS driver=X override=Y ..." */
typedef struct Line {
        char *address, *driver, *override;
} Line;

static void line_done(Line *line) {
        g_free(line->address);
        g_free(line->driver);
        g_free(line->override);
}

static char *word_value(const char *word, const char *key) {
        const char *value = startswith(word, key);

        g_assert_nonnull(value);
        return g_strdup(streq(value, "none") || streq(value, "(null)") ? "" : value);
}

static Line line_parse(const char *text) {
        g_auto(GStrv) words = g_strsplit(text, " ", 6);

        g_assert_cmpuint(g_strv_length(words), >=, 5);
        return (Line){
                        .address = g_strdup(words[1]),
                        .driver = word_value(words[3], "driver="),
                        .override = word_value(words[4], "override="),
        };
}

void assert_remains(Host *host, const char *before, const char *message) {
        g_autofree char *after = fake_kernel_snapshot(host->fake);
        g_auto(GStrv) lines_before = g_strsplit(before, "\n", -1), lines_after = g_strsplit(after, "\n", -1);
        const char *remains = strstr(message, "vfiod could not undo all changes: ");
        unsigned n_differ = 0;

        g_assert_cmpuint(g_strv_length(lines_before), ==, g_strv_length(lines_after));
        g_assert_nonnull(remains);
        for (unsigned i = 0; lines_before[i]; i++) {
                if (!startswith(lines_before[i], "device "))
                        continue;
                __attribute__((cleanup(line_done))) Line was = line_parse(lines_before[i]);
                __attribute__((cleanup(line_done))) Line is = line_parse(lines_after[i]);

                if (streq(lines_before[i], lines_after[i])) {
                        g_assert_null(strstr(remains, was.address));
                        continue;
                }
                g_autofree char *expected = g_strdup_printf(
                                "%s has driver '%s' (before: '%s') and driver_override '%s' (before: '%s')",
                                was.address, is.driver, was.driver, is.override, was.override);
                if (!strstr(remains, expected))
                        g_error("\"%s\" does not say \"%s\"", message, expected);
                n_differ++;
        }
        g_assert_cmpuint(n_differ, >, 0);
}
