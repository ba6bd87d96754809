/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <string.h>

const char *const vfioctl_environment[] = {"LC_ALL=C.UTF-8", "LANGUAGE=", "TERM=xterm", "TZ=UTC", NULL};

char **vfioctl_argv(const char *arguments) {
        g_autofree char *line = g_strdup_printf("%s %s", VFIOCTL, arguments);
        char **argv = NULL;

        g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
        return argv;
}

ProgramResult vfioctl(const char *arguments, ...) {
        va_list ap;

        va_start(ap, arguments);
        g_autofree char *line = g_strdup_vprintf(arguments, ap);
        va_end(ap);
        g_auto(GStrv) argv = vfioctl_argv(line);
        return program_run((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment}, NULL);
}

void expect_result(const ProgramResult *result, int status, const char *pattern, const char *what, ...) {
        if (result->status != status)
                g_error("vfioctl %s: exit code %d instead of %d: %s", what, result->status, status, result->errors);
        if (!g_pattern_match_simple(pattern, result->errors))
                g_error("vfioctl %s: \"%s\" is not like \"%s\"", what, result->errors, pattern);
        /* a failed command prints no result */
        if (status != 0)
                g_assert_cmpstr(result->output, ==, "");
}

json_t *vfioctl_json_with(int status, const char *arguments) {
        g_auto(ProgramResult) result = vfioctl("--json %s", arguments);
        json_error_t error;

        if (result.status != status || !g_str_equal(result.errors, ""))
                g_error("vfioctl --json %s: exit code %d: %s", arguments, result.status, result.errors);
        json_t *document = json_loads(result.output, JSON_REJECT_DUPLICATES, &error);
        if (!document)
                g_error("vfioctl --json %s: line %d: %s", arguments, error.line, error.text);
        return document;
}

json_t *vfioctl_json(const char *arguments) {
        return vfioctl_json_with(0, arguments);
}

char *json_at(const json_t *document, const char *path) {
        g_auto(GStrv) parts = g_strsplit(path, ".", -1);
        const json_t *value = document;

        for (unsigned i = 0; value && parts[i]; i++)
                value = json_is_array(value) ? json_array_get(value, (size_t)g_ascii_strtoull(parts[i], NULL, 10))
                                             : json_object_get(value, parts[i]);
        return value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
}

void expect_json(const json_t *document, const char *path, const char *expected) {
        g_autofree char *text = json_at(document, path);

        if (g_strcmp0(text, expected) != 0)
                g_error("%s is %s instead of %s", path, text, expected);
}

/* Removes the parts that differ between hosts, versions of the hardware database and versions of vfiod. The
 * fingerprint of a plan contains none of them. */
static char *without_names(const char *text) {
        static const char *const keys[] = {"Name:", "Subsystem:", "Class:", "vfiod:"};
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autoptr(GString) rest = g_string_new(NULL);
        const char *heading = lines[0] ? strstr(lines[0], "DEVICE") : NULL;
        glong column = heading ? g_utf8_pointer_to_offset(lines[0], heading) : 0;

        for (unsigned i = 0; lines[i]; i++) {
                bool named = false;

                for (unsigned k = 0; k < G_N_ELEMENTS(keys); k++)
                        named = named || g_str_has_prefix(lines[i] + strspn(lines[i], " "), keys[k]);
                if (named || (!lines[i + 1] && !*lines[i]))
                        continue;
                if (column > 0 && g_utf8_strlen(lines[i], -1) > column)
                        *g_utf8_offset_to_pointer(lines[i], column) = '\0';
                g_string_append_printf(rest, "%s\n", g_strchomp(lines[i]));
        }
        g_autoptr(GRegex) fingerprint = g_regex_new("\\b[0-9a-f]{16}\\b", 0, 0, NULL);
        return g_regex_replace_literal(fingerprint, rest->str, -1, 0, "FINGERPRINT", 0, NULL);
}

void expect_golden_text(const char *actual, const char *name) {
        g_autofree char *file = g_strdup_printf("%s/%s.txt", GOLDEN, name), *expected = NULL;

        if (g_getenv("UPDATE_GOLDEN"))
                g_assert_true(g_file_set_contents(file, actual, -1, NULL));
        g_assert_true(g_file_get_contents(file, &expected, NULL, NULL));
        g_assert_cmpstr(actual, ==, expected);
}

void expect_golden(int status, const char *arguments, const char *name) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);
        g_autofree char *actual = without_names(result.output);

        if (result.status != status || !g_str_equal(result.errors, ""))
                g_error("vfioctl %s: exit code %d instead of %d: %s", arguments, result.status, status, result.errors);
        expect_golden_text(actual, name);
}
