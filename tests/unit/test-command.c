/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/command.h"
#include "client/strv.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>

/* The words of the result in one line, "|" between them. */
static char *substituted(const char *line, const char *arguments) {
        g_auto(GStrv) words = g_strsplit(line, " ", -1), replacement = g_strsplit(arguments, " ", -1);
        char **result;

        g_assert_cmpint(command_substitute(words, replacement, &result), ==, 0);
        char *text = g_strjoinv("|", result);
        strv_free(result);
        return text;
}

static void test_substitute(void) {
        static const char arguments[] = "-device vfio-pci,host=1 -device vfio-pci,host=2";
        g_autofree char *end = substituted("qemu -m 1G @qemu@", arguments),
                        *middle = substituted("q @qemu@ -m", arguments), *none = substituted("qemu -m 1G", arguments),
                        *empty = substituted("qemu @qemu@ x", "");

        g_assert_cmpstr(end, ==, "qemu|-m|1G|-device|vfio-pci,host=1|-device|vfio-pci,host=2");
        g_assert_cmpstr(middle, ==, "q|-device|vfio-pci,host=1|-device|vfio-pci,host=2|-m");
        g_assert_cmpstr(none, ==, "qemu|-m|1G");
        g_assert_cmpstr(empty, ==, "qemu|x");
}

static void test_use(void) {
        g_assert_cmpint(command_use((char *[]){(char *)"qemu", (char *)"-m", NULL}), ==, COMMAND_WITHOUT_QEMU);
        g_assert_cmpint(command_use((char *[]){(char *)"qemu", (char *)"@qemu@", NULL}), ==, COMMAND_WITH_QEMU);
        g_assert_cmpint(command_use((char *[]){(char *)"sh", (char *)"-c", (char *)"qemu @qemu@", NULL}), ==,
                        COMMAND_WRONG_QEMU);
        g_assert_cmpint(command_use((char *[]){(char *)"@qemu@", (char *)"x@qemu@", NULL}), ==, COMMAND_WRONG_QEMU);
}

static void test_descriptors(void) {
        char *paths[] = {(char *)"/dev/vfio/devices/vfio3", (char *)"/dev/iommu", (char *)"/dev/vfio/devices/vfio4",
                        NULL};
        char **arguments;

        g_assert_cmpint(command_descriptor_arguments(paths, (int[]){7, 8, 9}, &arguments), ==, 0);
        g_autofree char *text = g_strjoinv(" ", arguments);
        g_assert_cmpstr(text, ==,
                        "-object iommufd,id=iommufd0,fd=8 -device vfio-pci,iommufd=iommufd0,fd=7 "
                        "-device vfio-pci,iommufd=iommufd0,fd=9");
        strv_free(arguments);

        paths[1] = NULL;
        g_assert_cmpint(command_descriptor_arguments(paths, (int[]){7}, &arguments), ==, -ENOENT);
        g_assert_cmpint(command_descriptor_arguments(NULL, NULL, &arguments), ==, -ENOENT);
}

static int find(const char *name, char **ret_path) {
        char *path = NULL;
        int r = command_find(name, &path);

        g_assert_true((r == 0) == (path != NULL));
        g_free(*ret_path);
        *ret_path = path;
        return r;
}

/* In the folders of PATH: the first that can run. */
static void test_find(void) {
        g_autofree char *folder = g_dir_make_tmp("vfiod-command-XXXXXX", NULL),
                        *other = g_dir_make_tmp("vfiod-command-XXXXXX", NULL),
                        *program = g_build_filename(folder, "program", NULL),
                        *data = g_build_filename(other, "program", NULL),
                        *path = g_strdup_printf("/nowhere:%s::%s", other, folder), *found = NULL;

        g_assert_true(g_file_set_contents(program, "#!/bin/sh\n", -1, NULL));
        g_assert_true(g_file_set_contents(data, "", -1, NULL));
        g_assert_cmpint(g_chmod(program, 0755), ==, 0);
        g_setenv("PATH", path, true);
        g_assert_cmpint(find("program", &found), ==, 0);
        g_assert_cmpstr(found, ==, program);
        g_assert_cmpint(find("neither", &found), ==, -ENOENT);
        g_assert_cmpint(find("", &found), ==, -ENOENT);
        g_assert_cmpint(find(program, &found), ==, 0);
        g_assert_cmpstr(found, ==, program);
        g_assert_cmpint(find(data, &found), ==, -EACCES);
        g_assert_cmpint(find(folder, &found), ==, -EACCES);
        g_assert_cmpint(find("/nowhere/program", &found), ==, -ENOENT);
        /* the current folder */
        g_assert_cmpint(g_chdir(folder), ==, 0);
        g_setenv("PATH", ":/nowhere", true);
        g_assert_cmpint(find("program", &found), ==, 0);
        g_assert_cmpstr(found, ==, "./program");
        g_setenv("PATH", other, true);
        g_assert_cmpint(find("program", &found), ==, -EACCES);
        g_unsetenv("PATH");
        g_assert_cmpint(find("sh", &found), ==, 0);
        g_assert_cmpint(g_chdir("/"), ==, 0);
        (void)g_unlink(program);
        (void)g_unlink(data);
        (void)g_rmdir(folder);
        (void)g_rmdir(other);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/command/substitute", test_substitute);
        g_test_add_func("/command/use", test_use);
        g_test_add_func("/command/descriptors", test_descriptors);
        g_test_add_func("/command/find", test_find);
        return g_test_run();
}
