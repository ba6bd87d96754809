/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-files.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

static char *folder_path(Fixture *fixture, const char *folder) {
        return g_strdup_printf("%s.%s", fixture->state_folder, folder);
}

char *rule_file_path(Fixture *fixture, const char *folder, const char *name) {
        g_autofree char *path = folder_path(fixture, folder);
        return g_strdup_printf("%s/%s.conf", path, name);
}

static char *make_place(Fixture *fixture, const char *folder, const char *name) {
        g_autofree char *path = folder_path(fixture, folder);

        g_assert_false(g_str_has_suffix(name, ".conf")); /* the name of the rule, not of the file */
        g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
        return rule_file_path(fixture, folder, name);
}

void rule_file_put(Fixture *fixture, const char *folder, const char *name, const char *text) {
        g_autofree char *path = make_place(fixture, folder, name);
        g_autoptr(GError) error = NULL;

        (void)g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
}

void rule_file_link(Fixture *fixture, const char *folder, const char *name, const char *target) {
        g_autofree char *path = make_place(fixture, folder, name);

        if (symlink(target, path) < 0)
                g_error("%s: %s", path, g_strerror(errno));
}

void rule_file_remove(Fixture *fixture, const char *folder, const char *name) {
        g_autofree char *path = rule_file_path(fixture, folder, name);

        if (g_unlink(path) < 0)
                g_error("%s: %s", path, g_strerror(errno));
}

char *rule_file_read(Fixture *fixture, const char *folder, const char *name) {
        g_autofree char *path = rule_file_path(fixture, folder, name);
        char *text = NULL;

        (void)g_file_get_contents(path, &text, NULL, NULL);
        return text;
}

void rule_files_copy(Fixture *fixture, const char *folder, const char *from) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GDir) directory = g_dir_open(from, 0, &error);

        g_assert_no_error(error);
        for (const char *entry; (entry = g_dir_read_name(directory));) {
                g_autofree char *path = g_build_filename(from, entry, NULL), *target = NULL, *text = NULL;
                g_autofree char *name = g_strndup(entry, strlen(entry) - strlen(".conf"));

                g_assert_true(g_str_has_suffix(entry, ".conf"));
                target = g_file_read_link(path, NULL);
                if (target)
                        rule_file_link(fixture, folder, name, target);
                else {
                        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
                        rule_file_put(fixture, folder, name, text);
                }
        }
}
