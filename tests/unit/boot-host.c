/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot-host.h"

const char grub_debian[] = "# If you change this file, run 'update-grub' afterwards to update\n"
                           "# /boot/grub/grub.cfg.\n"
                           "# For full documentation of the options in this file, see:\n"
                           "#   info -f grub -n 'Simple configuration'\n"
                           "\n"
                           "GRUB_DEFAULT=0\n"
                           "GRUB_TIMEOUT=5\n"
                           "GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n"
                           "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"
                           "GRUB_CMDLINE_LINUX=\"\"\n"
                           "\n"
                           "# Uncomment to disable graphical terminal\n"
                           "#GRUB_TERMINAL=console\n";

const char grub_ubuntu[] = "GRUB_DEFAULT=0\n"
                           "GRUB_TIMEOUT_STYLE=hidden\n"
                           "GRUB_TIMEOUT=0\n"
                           "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Ubuntu} ) 2>/dev/null || echo Ubuntu`\n"
                           "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\"\n"
                           "GRUB_CMDLINE_LINUX=\"\"\n";

const char grub_centos7[] = "GRUB_TIMEOUT=5\n"
                            "GRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"\n"
                            "GRUB_DEFAULT=saved\n"
                            "GRUB_DISABLE_SUBMENU=true\n"
                            "GRUB_TERMINAL_OUTPUT=\"console\"\n"
                            "GRUB_CMDLINE_LINUX=\"crashkernel=auto spectre_v2=retpoline rd.lvm.lv=centos/root "
                            "rd.lvm.lv=centos/swap rhgb quiet\"\n"
                            "GRUB_DISABLE_RECOVERY=\"true\"\n";

const char grub_arch[] = "# GRUB boot loader configuration\n"
                         "\n"
                         "GRUB_DEFAULT=0\n"
                         "GRUB_TIMEOUT=5\n"
                         "GRUB_DISTRIBUTOR=\"Arch\"\n"
                         "GRUB_CMDLINE_LINUX_DEFAULT=\"loglevel=3 quiet\"\n"
                         "GRUB_CMDLINE_LINUX=\"\"\n";

const char grub_suse[] = "# Please run `grub2-mkconfig -o /boot/grub2/grub.cfg` after editing this file.\n"
                         "GRUB_DISTRIBUTOR=\n"
                         "GRUB_DEFAULT=saved\n"
                         "GRUB_TIMEOUT=8\n"
                         "GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent mitigations=auto quiet security=apparmor\"\n"
                         "GRUB_CMDLINE_LINUX=\"\"\n";

static void put_variable(TempTree *tree, const char *name, const char *value) {
        g_autofree char *path =
                        temp_tree_path(tree, "sys/firmware/efi/efivars/%s-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", name);
        g_autoptr(GByteArray) bytes = g_byte_array_new();

        if (!value)
                return;
        g_byte_array_append(bytes, (const guint8 *)"\6\0\0\0", 4);
        for (; *value; value++)
                g_byte_array_append(bytes, (const guint8[]){(guint8)*value, 0}, 2);
        g_byte_array_append(bytes, (const guint8 *)"\0\0", 2);
        temp_tree_folder(tree, "sys/firmware/efi/efivars");
        g_assert_true(g_file_set_contents(path, (const char *)bytes->data, bytes->len, NULL));
}

void put_host(TempTree *tree, const Host *host) {
        temp_tree_file(tree, host->os_release ?: "", "etc/os-release");
        if (host->grub)
                temp_tree_file(tree, host->grub, "etc/default/grub");
        put_variable(tree, "LoaderInfo", host->loader);
        put_variable(tree, "LoaderEntrySelected", host->entry);
        put_variable(tree, "StubInfo", host->stub);
        if (host->machine)
                temp_tree_file(tree, host->machine, "proc/device-tree/model");
        for (const char *const *file = host->files; file && *file; file += 2)
                temp_tree_file(tree, file[1], "%s", file[0]);
}

void read_facts(TempTree *tree, BootFacts *facts) {
        g_assert_cmpint(boot_facts_read(tree->kernel, facts), ==, 0);
}

void run_command(TempTree *tree, const char *cure) {
        g_auto(GStrv) parts = g_strsplit(cure, " && ", 2);
        g_auto(GStrv) words = g_strsplit(parts[0], "sudo ", -1);
        g_autofree char *plain = g_strjoinv("", words);
        g_autoptr(GString) command = g_string_new(plain);
        g_autofree char *etc = g_strdup_printf(" %s/etc/", tree->root),
                        *boot = g_strdup_printf(" %s/boot/", tree->root);
        g_autoptr(GError) error = NULL;
        int status;

        g_string_replace(command, " /etc/", etc, 0);
        g_string_replace(command, " /boot/", boot, 0);
        char *argv[] = {(char *)"sh", (char *)"-ec", command->str, NULL};
        g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                        NULL, &status, &error));
        g_assert_no_error(error);
        if (status != 0)
                g_error("%s: status %d", command->str, status);
}

void expect_line(TempTree *tree, const char *path, const char *line) {
        g_autofree char *full = temp_tree_path(tree, "%s", path), *text = NULL;
        g_auto(GStrv) lines = NULL;

        g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
        lines = g_strsplit(text, "\n", -1);
        if (!g_strv_contains((const char *const *)lines, line))
                g_error("%s has no line \"%s\":\n%s", path, line, text);
}

const Check *make_cure(TempTree *tree, bool adds, const char *parameter, CheckList *list) {
        _cleanup_boot_facts_ BootFacts facts = {};

        read_facts(tree, &facts);
        check_add(list, CHECK_BOOT, "iommu", CHECK_ERROR, "The IOMMU is off.");
        (adds ? boot_loader_cure_add : boot_loader_cure_remove)(list, &facts, parameter);
        g_assert_cmpint(list->error, ==, 0);
        g_assert_nonnull(list->checks[0].cure);
        return &list->checks[0];
}

void expect_cure(const Host *host, const char *loader, const char *cure, const char *path, const char *line) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_check_list_ CheckList list = {}, again = {};

        put_host(tree, host);
        const Check *check = make_cure(tree, true, PARAMETER, &list);
        g_assert_cmpstr(check->cure, ==, cure);
        g_assert_cmpstr(check_get_detail(check, "boot-loader"), ==, loader);
        if (!line)
                return;
        run_command(tree, cure);
        expect_line(tree, path, line);
        const char *new_line = check_get_detail(check, "new-line");
        if (new_line)
                g_assert_cmpstr(new_line, ==, line);
        check = make_cure(tree, true, PARAMETER, &again);
        g_assert_null(strstr(check->cure, PARAMETER));
        g_assert_null(check_get_detail(check, "new-line"));

        /* And removes it again. */
        _cleanup_check_list_ CheckList removal = {};
        check = make_cure(tree, false, PARAMETER, &removal);
        g_assert_nonnull(strstr(check->cure, PARAMETER));
        run_command(tree, check->cure);
        g_autofree char *full = temp_tree_path(tree, "%s", path), *text = NULL;
        g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
        g_assert_null(strstr(text, PARAMETER));
}
