/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot-host.h"

/* Lines of the settings of boot loaders that people write, and hosts that are similar to those of test-boot-loader.c. */

/* Lines of GRUB that people write. */
static void test_lines(void) {
        static const struct {
                const char *grub, *line; /* NULL: no command can do it */
        } cases[] = {
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"\"\n", "GRUB_CMDLINE_LINUX_DEFAULT='intel_iommu=on'"},
                        {"GRUB_CMDLINE_LINUX_DEFAULT='quiet'\n", "GRUB_CMDLINE_LINUX_DEFAULT='quiet intel_iommu=on'"},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\" # \"old\"\n",
                                        "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\" # \"old\""},
                        {"#GRUB_CMDLINE_LINUX_DEFAULT=\"a\"\nGRUB_CMDLINE_LINUX=\"b\"",
                                        "GRUB_CMDLINE_LINUX=\"b intel_iommu=on\""},
                        {"GRUB_TIMEOUT=5\n", "GRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=on\""},
                        {"# GRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=on\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"q\"\n",
                                        "GRUB_CMDLINE_LINUX_DEFAULT=\"q intel_iommu=on\""},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"xintel_iommu=on intel_iommu=onx\"\n",
                                        "GRUB_CMDLINE_LINUX_DEFAULT=\"xintel_iommu=on intel_iommu=onx "
                                        "intel_iommu=on\""},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=quiet\n", NULL},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"a\nb\"\n", NULL},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"a\n", NULL},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"a \\\"b\\\" c\"\n", NULL},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"a \\\nb\"\n", NULL},
                        {"  GRUB_CMDLINE_LINUX_DEFAULT=\"a\"\n", NULL},
                        {"export GRUB_CMDLINE_LINUX_DEFAULT=\"a\"\n", NULL},
                        {"GRUB_CMDLINE_LINUX_DEFAULT+=\" a\"\n", NULL},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"a\"; reboot\n", NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();
                _cleanup_check_list_ CheckList list = {};

                put_host(tree, &(Host){.grub = cases[i].grub, .files = FILES("usr/sbin/update-grub", "")});
                const Check *check = make_cure(tree, true, PARAMETER, &list);
                if (!cases[i].line) {
                        g_assert_cmpstr(check->cure, ==,
                                        "Add intel_iommu=on to GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub, then "
                                        "run "
                                        "'sudo update-grub'.");
                        continue;
                }
                g_assert_true(g_str_has_suffix(check->cure, " && sudo update-grub"));
                run_command(tree, check->cure);
                expect_line(tree, "etc/default/grub", cases[i].line);
        }
}

static void expect_loader(const Host *host, BootLoader loader) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_boot_facts_ BootFacts facts = {};

        put_host(tree, host);
        read_facts(tree, &facts);
        g_assert_cmpstr(boot_loader_to_string(boot_loader_find(&facts)), ==, boot_loader_to_string(loader));
}

/* Similar hosts with another boot loader. */
static void test_similar(void) {
        expect_loader(&(Host){.os_release = "ID=nixosx\n"}, BOOT_LOADER_UNKNOWN);
        expect_loader(&(Host){.os_release = "ID=nixos-test\n"}, BOOT_LOADER_NIXOS);
        expect_loader(&(Host){.os_release = "NAME=nixos\n"}, BOOT_LOADER_UNKNOWN);
        /* Versions of RHEL and its relatives. */
        expect_loader(&(Host){.os_release = "ID=ol\nID_LIKE=fedora\nVERSION_ID=\"7.9\"\n",
                                      .grub = grub_centos7,
                                      .files = FILES("usr/sbin/grubby", "")},
                        BOOT_LOADER_GRUB);
        expect_loader(&(Host){.os_release = "ID=\"rhel\"\nVERSION_ID=\"70\"\n",
                                      .grub = grub_centos7,
                                      .files = FILES("usr/sbin/grubby", "")},
                        BOOT_LOADER_GRUBBY);
        expect_loader(&(Host){.os_release = "ID=fedora\nVERSION_ID=7\n",
                                      .grub = grub_centos7,
                                      .files = FILES("usr/sbin/grubby", "")},
                        BOOT_LOADER_GRUBBY);
        /* Programs without their settings, and settings without their programs. */
        expect_loader(&(Host){.grub = grub_ubuntu, .files = FILES("usr/bin/kernelstub", "")}, BOOT_LOADER_GRUB);
        expect_loader(&(Host){.loader = "systemd-boot 257", .files = FILES("usr/bin/kernel-install", "")},
                        BOOT_LOADER_SYSTEMD_BOOT);
        expect_loader(&(Host){.loader = "systemd-boot 257", .files = FILES("etc/kernel/cmdline", "quiet")},
                        BOOT_LOADER_SYSTEMD_BOOT);
        expect_loader(&(Host){.stub = "systemd-stub 257", .grub = grub_arch}, BOOT_LOADER_GRUB);
        expect_loader(&(Host){.files = FILES("etc/kernel/cmdline", "quiet")}, BOOT_LOADER_UNKNOWN);
        expect_loader(&(Host){.files = FILES("usr/bin/kernel-install", "")}, BOOT_LOADER_UNKNOWN);
        expect_loader(&(Host){.files = FILES("etc/kernel/cmdline", "quiet", "usr/bin/kernel-install", "")},
                        BOOT_LOADER_KERNEL_INSTALL);
        expect_loader(&(Host){.machine = "Raspberry Pi 4", .grub = grub_debian}, BOOT_LOADER_GRUB);
        expect_loader(&(Host){.loader = "GRUB 2.12", .grub = grub_debian}, BOOT_LOADER_GRUB);
        expect_loader(&(Host){.loader = "rEFInd 0.14.2", .grub = grub_debian}, BOOT_LOADER_REFIND);
}

/* A file with the whole command line: only the parameter itself counts, not similar words. */
static void test_cmdline_file(void) {
        static const struct {
                const char *before, *after;
        } cases[] = {
                        {"xintel_iommu=on a\n", "xintel_iommu=on a intel_iommu=on"},
                        {"intel_iommu=onx\n", "intel_iommu=onx intel_iommu=on"},
                        {"a=intel_iommu=on\n", "a=intel_iommu=on intel_iommu=on"},
                        {"intel_iommu=on a\n", NULL},
                        {"a intel_iommu=on", NULL},
                        {"a intel_iommu=on\n", NULL},
        };
        /* For GRUB, too; and a value that only ends so is not the parameter. */
        static const char *const settings[] = {
                        "GRUB_CMDLINE_LINUX=intel_iommu=on\n", "GRUB_CMDLINE_LINUX=\"a=intel_iommu=on\"\n"};
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();
                _cleanup_check_list_ CheckList list = {};

                put_host(tree, &(Host){.grub = settings[i], .files = FILES("usr/sbin/update-grub", "")});
                const Check *check = make_cure(tree, true, PARAMETER, &list);
                g_assert_true(g_str_has_prefix(
                                check->cure, i == 0 ? "/etc/default/grub is right already. " : "sudo sed "));
        }
        const Host without_file = {.loader = "systemd-boot 257", .files = FILES("usr/bin/sdbootutil", "")};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();
                _cleanup_check_list_ CheckList list = {};

                put_host(tree,
                                &(Host){.machine = "Raspberry Pi 4",
                                                .files = FILES("boot/cmdline.txt", cases[i].before)});
                const Check *check = make_cure(tree, true, PARAMETER, &list);
                if (!cases[i].after) {
                        g_assert_cmpstr(check->cure, ==, "Reboot: /boot/cmdline.txt is right already.");
                        continue;
                }
                run_command(tree, check->cure);
                expect_line(tree, "boot/cmdline.txt", cases[i].after);
        }
        expect_cure(&without_file, "sdbootutil",
                        "Add intel_iommu=on to the kernel command line in /etc/kernel/cmdline, run 'sudo sdbootutil "
                        "update-all-entries', and reboot.",
                        NULL, NULL);
}

/* The command for an entry of systemd-boot can be run twice, and the removal, too. */
static void test_entry(void) {
        static const char *const results[] = {
                        "options root=/dev/sda1 quiet intel_iommu=on", "options root=/dev/sda1 quiet"};
        g_autoptr(TempTree) tree = temp_tree_new();

        put_host(tree,
                        &(Host){.loader = "systemd-boot 257",
                                        .entry = "arch.conf",
                                        .files = FILES("boot/loader/entries/arch.conf",
                                                        "title Arch\noptions root=/dev/sda1 quiet\n")});
        for (unsigned i = 0; i < 4; i++) {
                _cleanup_check_list_ CheckList list = {};
                g_autoptr(GString) cure = g_string_new(make_cure(tree, i < 2, PARAMETER, &list)->cure);

                /* The boot partition, without bootctl. */
                g_assert_cmpuint(g_string_replace(cure, "\"$(sudo bootctl --print-boot-path)/", "/boot/", 0), ==, 1);
                g_assert_true(g_str_has_suffix(cure->str, "\""));
                g_string_truncate(cure, cure->len - 1);
                run_command(tree, cure->str);
                expect_line(tree, "boot/loader/entries/arch.conf", results[i / 2]);
        }
}

/* What is on the command line comes from root, but it must not become a command. */
static void test_strange_parameters(void) {
        static const char *const parameters[] = {"a=$(reboot)", "a='b'", "a=b;c", "a/b", "-x", "a&b", "a\\1", "a*b"};
        g_autoptr(TempTree) tree = temp_tree_new();

        put_host(tree, &(Host){.grub = grub_debian, .files = FILES("usr/sbin/update-grub", "")});
        for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++) {
                _cleanup_check_list_ CheckList list = {};
                g_autofree char *sentence = g_strdup_printf("Remove %s from GRUB_CMDLINE_LINUX in /etc/default/grub, "
                                                            "make grub.cfg again, and reboot.",
                                parameters[i]);

                g_assert_cmpstr(make_cure(tree, false, parameters[i], &list)->cure, ==, sentence);
        }
}

/* The parameter is in the middle, at the beginning, or in another file. */
static void test_removal(void) {
        static const struct {
                const char *before, *after;
        } cases[] = {
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet iommu=off splash\"\n",
                                        "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\""},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"iommu=off splash\"\n", "GRUB_CMDLINE_LINUX_DEFAULT=\"splash\""},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=off iommu=off\"\n",
                                        "GRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=off\""},
                        {"#GRUB_CMDLINE_LINUX=\"iommu=off\"\nGRUB_CMDLINE_LINUX='a iommu=off'\n",
                                        "GRUB_CMDLINE_LINUX='a'"},
                        {"GRUB_CMDLINE_LINUX_DEFAULT=iommu=off\n", "GRUB_CMDLINE_LINUX_DEFAULT="},
                        {"export GRUB_CMDLINE_LINUX+=iommu=off # why\n", "export GRUB_CMDLINE_LINUX+= # why"},
                        {"GRUB_CMDLINE_LINUX=\"quiet\tiommu=off\tsplash\"\n", "GRUB_CMDLINE_LINUX=\"quiet\tsplash\""},
                        {"GRUB_CMDLINE_LINUX=\"a=iommu=off iommu=off\"\n", "GRUB_CMDLINE_LINUX=\"a=iommu=off\""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();
                _cleanup_check_list_ CheckList list = {};

                put_host(tree, &(Host){.grub = cases[i].before, .files = FILES("usr/sbin/update-grub", "")});
                run_command(tree, make_cure(tree, false, "iommu=off", &list)->cure);
                g_autofree char *path = temp_tree_path(tree, "etc/default/grub"), *text = NULL;
                g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
                g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
                g_assert_cmpstr(lines[g_strv_length(lines) - 1], ==, cases[i].after);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/boot-lines/lines", test_lines);
        g_test_add_func("/boot-lines/similar", test_similar);
        g_test_add_func("/boot-lines/cmdline-file", test_cmdline_file);
        g_test_add_func("/boot-lines/entry", test_entry);
        g_test_add_func("/boot-lines/strange-parameters", test_strange_parameters);
        g_test_add_func("/boot-lines/removal", test_removal);
        return g_test_run();
}
