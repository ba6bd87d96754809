/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/boot-loader.h"
#include "temp-tree.h"

#include <glib/gstdio.h>

/* Which boot loader a distribution has, and how a parameter of its kernel is added and removed. The texts are those that the
 * distributions install. Each command that changes a file is also run. */

#define PARAMETER "intel_iommu=on"

static const char debian[] = "# If you change this file, run 'update-grub' afterwards to update\n"
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

static const char ubuntu[] =
                "GRUB_DEFAULT=0\n"
                "GRUB_TIMEOUT_STYLE=hidden\n"
                "GRUB_TIMEOUT=0\n"
                "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Ubuntu} ) 2>/dev/null || echo Ubuntu`\n"
                "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash\"\n"
                "GRUB_CMDLINE_LINUX=\"\"\n";

static const char centos7[] = "GRUB_TIMEOUT=5\n"
                              "GRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"\n"
                              "GRUB_DEFAULT=saved\n"
                              "GRUB_DISABLE_SUBMENU=true\n"
                              "GRUB_TERMINAL_OUTPUT=\"console\"\n"
                              "GRUB_CMDLINE_LINUX=\"crashkernel=auto spectre_v2=retpoline rd.lvm.lv=centos/root "
                              "rd.lvm.lv=centos/swap rhgb quiet\"\n"
                              "GRUB_DISABLE_RECOVERY=\"true\"\n";

static const char arch[] = "# GRUB boot loader configuration\n"
                           "\n"
                           "GRUB_DEFAULT=0\n"
                           "GRUB_TIMEOUT=5\n"
                           "GRUB_DISTRIBUTOR=\"Arch\"\n"
                           "GRUB_CMDLINE_LINUX_DEFAULT=\"loglevel=3 quiet\"\n"
                           "GRUB_CMDLINE_LINUX=\"\"\n";

static const char suse[] = "# Please run `grub2-mkconfig -o /boot/grub2/grub.cfg` after editing this file.\n"
                           "GRUB_DISTRIBUTOR=\n"
                           "GRUB_DEFAULT=saved\n"
                           "GRUB_TIMEOUT=8\n"
                           "GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent mitigations=auto quiet security=apparmor\"\n"
                           "GRUB_CMDLINE_LINUX=\"\"\n";

/* A host: files below the root, and what EFI says. */
typedef struct Host {
        const char *os_release;
        const char *grub;
        const char *loader; /* LoaderInfo */
        const char *entry;  /* LoaderEntrySelected */
        const char *stub;
        const char *machine;
        const char *const *files; /* path, contents, ...; ends with NULL */
} Host;

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

static void put_host(TempTree *tree, const Host *host) {
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

static void read_facts(TempTree *tree, BootFacts *facts) {
        g_assert_cmpint(boot_facts_read(tree->kernel, facts), ==, 0);
}

/* Runs the part of the command before " && " on the files of the tree, without sudo. */
static void run_command(TempTree *tree, const char *cure) {
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

static void expect_line(TempTree *tree, const char *path, const char *line) {
        g_autofree char *full = temp_tree_path(tree, "%s", path), *text = NULL;
        g_auto(GStrv) lines = NULL;

        g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
        lines = g_strsplit(text, "\n", -1);
        if (!g_strv_contains((const char *const *)lines, line))
                g_error("%s has no line \"%s\":\n%s", path, line, text);
}

static const char *get_detail(const Check *check, const char *key) {
        for (size_t i = 0; i < check->n_details; i++)
                if (g_str_equal(check->details[i].key, key))
                        return check->details[i].value;
        return NULL;
}

/* Makes the cure. Returns the only check. */
static const Check *make_cure(TempTree *tree, bool adds, const char *parameter, CheckList *list) {
        _cleanup_boot_facts_ BootFacts facts = {};

        read_facts(tree, &facts);
        check_add(list, CHECK_BOOT, "iommu", CHECK_ERROR, "The IOMMU is off.");
        (adds ? boot_loader_cure_add : boot_loader_cure_remove)(list, &facts, parameter);
        g_assert_cmpint(list->error, ==, 0);
        g_assert_nonnull(list->checks[0].cure);
        return &list->checks[0];
}

/* Adds the parameter: the cure is this one; and if line is given, the command changes the file to have this line. Then the cure is made
 * again: it must not add the parameter twice. */
static void expect_cure(const Host *host, const char *loader, const char *cure, const char *path, const char *line) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_check_list_ CheckList list = {}, again = {};

        put_host(tree, host);
        const Check *check = make_cure(tree, true, PARAMETER, &list);
        g_assert_cmpstr(check->cure, ==, cure);
        g_assert_cmpstr(get_detail(check, "boot-loader"), ==, loader);
        if (!line)
                return;
        run_command(tree, cure);
        expect_line(tree, path, line);
        const char *new_line = get_detail(check, "new-line");
        if (new_line)
                g_assert_cmpstr(new_line, ==, line);
        check = make_cure(tree, true, PARAMETER, &again);
        g_assert_null(strstr(check->cure, PARAMETER));
        g_assert_null(get_detail(check, "new-line"));

        /* And removes it again. */
        _cleanup_check_list_ CheckList removal = {};
        check = make_cure(tree, false, PARAMETER, &removal);
        g_assert_nonnull(strstr(check->cure, PARAMETER));
        run_command(tree, check->cure);
        g_autofree char *full = temp_tree_path(tree, "%s", path), *text = NULL;
        g_assert_true(g_file_get_contents(full, &text, NULL, NULL));
        g_assert_null(strstr(text, PARAMETER));
}

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_debian(void) {
        Host host = {
                        .os_release = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian "
                                      "GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
                        .grub = debian,
                        .files = FILES("usr/sbin/update-grub", "", "usr/sbin/grub-mkconfig", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo update-grub",
                        "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"");
}

static void test_ubuntu(void) {
        Host host = {
                        .os_release = "NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\n",
                        .grub = ubuntu,
                        .files = FILES("usr/sbin/update-grub", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo update-grub",
                        "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet splash intel_iommu=on\"");
        /* A cloud image overrides the line. */
        host.files = FILES("usr/sbin/update-grub", "", "etc/default/grub.d/50-cloudimg-settings.cfg",
                        "# Cloud Image specific Grub settings for Generic Cloud Images\n"
                        "GRUB_RECORDFAIL_TIMEOUT=0\nGRUB_TIMEOUT=0\n"
                        "GRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0\"\n",
                        "etc/default/grub.d/notes.txt", "GRUB_CMDLINE_LINUX_DEFAULT=\"no\"\n");
        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub.d/50-cloudimg-settings.cfg && sudo update-grub",
                        "etc/default/grub.d/50-cloudimg-settings.cfg",
                        "GRUB_CMDLINE_LINUX_DEFAULT=\"console=tty1 console=ttyS0 intel_iommu=on\"");
}

static void test_fedora(void) {
        Host host = {
                        .os_release = "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=42\n",
                        .grub = "GRUB_CMDLINE_LINUX=\"rhgb quiet\"\nGRUB_ENABLE_BLSCFG=true\n",
                        .files = FILES("usr/sbin/grubby", "", "usr/sbin/grub2-mkconfig", ""),
                        .loader = "GRUB 2.12",
        };
        const char *cure = "sudo grubby --update-kernel=ALL --args=\"intel_iommu=on\"";

        expect_cure(&host, "grubby", cure, NULL, NULL);
        host.os_release = "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
        expect_cure(&host, "grubby", cure, NULL, NULL);
        host.os_release = "NAME=\"Red Hat Enterprise Linux\"\nID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.10\"\n";
        expect_cure(&host, "grubby", cure, NULL, NULL);
        host.files = FILES("usr/sbin/grubby", "", "run/ostree-booted", "", "usr/bin/rpm-ostree", "");
        expect_cure(&host, "ostree", "sudo rpm-ostree kargs --append-if-missing=intel_iommu=on", NULL, NULL);
}

static void test_centos_7(void) {
        Host host = {
                        .os_release = "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel "
                                      "fedora\"\nVERSION_ID=\"7\"\n",
                        .grub = centos7,
                        .files = FILES("sbin/grubby", "", "usr/sbin/grub2-mkconfig", "", "sys/firmware/efi/vars", ""),
        };
        const char *line = "GRUB_CMDLINE_LINUX=\"crashkernel=auto spectre_v2=retpoline rd.lvm.lv=centos/root "
                           "rd.lvm.lv=centos/swap rhgb quiet intel_iommu=on\"";

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX=\"[^\"]*)\"/\\1 intel_iommu=on\"/' /etc/default/grub "
                        "&& "
                        "sudo grub2-mkconfig -o /boot/efi/EFI/centos/grub.cfg",
                        "etc/default/grub", line);
        host.files = FILES("sbin/grubby", "", "usr/sbin/grub2-mkconfig", "");
        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX=\"[^\"]*)\"/\\1 intel_iommu=on\"/' /etc/default/grub "
                        "&& "
                        "sudo grub2-mkconfig -o /boot/grub2/grub.cfg",
                        "etc/default/grub", line);
}

static void test_arch(void) {
        Host host = {
                        .os_release = "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n",
                        .grub = arch,
                        .files = FILES("usr/bin/grub-mkconfig", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo grub-mkconfig -o /boot/grub/grub.cfg",
                        "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"loglevel=3 quiet intel_iommu=on\"");
        /* systemd-boot, with an entry that somebody wrote. */
        host.grub = NULL;
        host.loader = "systemd-boot 257.8-2-arch";
        host.entry = "arch.conf";
        expect_cure(&host, "systemd-boot",
                        "sudo sed -i '/^options/s/$/ intel_iommu=on/' \"$(sudo bootctl "
                        "--print-boot-path)/loader/entries/arch.conf\"",
                        NULL, NULL);
        /* A name that would be a program. */
        host.entry = "a$(reboot).conf";
        expect_cure(&host, "systemd-boot",
                        "Add intel_iommu=on to the line 'options' of the entry in loader/entries on the boot "
                        "partition, and "
                        "reboot.",
                        NULL, NULL);
        host.entry = "arch-linux.efi";
        host.stub = "systemd-stub 257.8-2-arch";
        host.files = FILES("usr/bin/mkinitcpio", "", "etc/kernel/cmdline", "root=UUID=0a rw\n");
        expect_cure(&host, "unified-kernel-image",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo mkinitcpio -P",
                        "etc/kernel/cmdline", "root=UUID=0a rw intel_iommu=on");
}

static void test_suse(void) {
        Host host = {
                        .os_release = "NAME=\"openSUSE Leap\"\nID=\"opensuse-leap\"\nID_LIKE=\"suse "
                                      "opensuse\"\nVERSION_ID=\"15.6\"\n",
                        .grub = suse,
                        .files = FILES("usr/sbin/grub2-mkconfig", ""),
        };

        expect_cure(&host, "grub",
                        "sudo sed -i -E 's/^(GRUB_CMDLINE_LINUX_DEFAULT=\"[^\"]*)\"/\\1 intel_iommu=on\"/' "
                        "/etc/default/grub && sudo grub2-mkconfig -o /boot/grub2/grub.cfg",
                        "etc/default/grub",
                        "GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent mitigations=auto quiet security=apparmor "
                        "intel_iommu=on\"");
        host.loader = "systemd-boot 257.7+suse";
        host.files = FILES("usr/bin/sdbootutil", "", "usr/bin/kernel-install", "", "etc/kernel/cmdline", "quiet\n");
        expect_cure(&host, "sdbootutil",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo sdbootutil update-all-entries",
                        "etc/kernel/cmdline", "quiet intel_iommu=on");
}

static void test_others(void) {
        expect_cure(&(Host){.os_release = "NAME=\"Pop!_OS\"\nID=pop\nID_LIKE=\"ubuntu debian\"\n",
                                    .loader = "systemd-boot 249.11",
                                    .files = FILES("usr/bin/kernelstub", "", "etc/kernelstub/configuration", "{}")},
                        "kernelstub", "sudo kernelstub --add-options \"intel_iommu=on\"", NULL, NULL);
        expect_cure(&(Host){.os_release = "ID=debian\nVERSION_ID=\"13\"\n",
                                    .loader = "systemd-boot 257.8-1~deb13u2",
                                    .files = FILES("usr/bin/kernel-install", "", "etc/kernel/cmdline",
                                                    "root=/dev/sda1\n")},
                        "kernel-install",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo kernel-install add "
                        "\"$(uname -r)\" \"/boot/vmlinuz-$(uname -r)\"",
                        "etc/kernel/cmdline", "root=/dev/sda1 intel_iommu=on");
        /* Proxmox. */
        expect_cure(&(Host){.os_release = "ID=debian\n",
                                    .loader = "systemd-boot 252.38-1~deb12u1",
                                    .files = FILES("etc/kernel/proxmox-boot-uuids", "7A7D-7F3C\n", "etc/kernel/cmdline",
                                                    "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n")},
                        "proxmox-boot-tool",
                        "sudo sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && sudo proxmox-boot-tool refresh",
                        "etc/kernel/cmdline", "root=ZFS=rpool/ROOT/pve-1 boot=zfs intel_iommu=on");
        expect_cure(&(Host){.os_release = "ID=debian\n",
                                    .machine = "Raspberry Pi 5 Model B Rev 1.0",
                                    .files = FILES("boot/firmware/cmdline.txt", "console=serial0,115200 rootwait\n")},
                        "raspberry-pi", "sudo sed -i '1s/$/ intel_iommu=on/' /boot/firmware/cmdline.txt",
                        "boot/firmware/cmdline.txt", "console=serial0,115200 rootwait intel_iommu=on");
        expect_cure(&(Host){.os_release = "ID=nixos\n"}, "nixos",
                        "Add intel_iommu=on to boot.kernelParams in the configuration of NixOS, run 'sudo "
                        "nixos-rebuild "
                        "boot', and reboot.",
                        NULL, NULL);
        expect_cure(&(Host){.os_release = "ID=alpine\n", .files = FILES("etc/update-extlinux.conf", "")}, "extlinux",
                        "Add intel_iommu=on to default_kernel_opts in /etc/update-extlinux.conf, run 'sudo "
                        "update-extlinux', and reboot.",
                        NULL, NULL);
        expect_cure(&(Host){}, "unknown",
                        "Add intel_iommu=on to the kernel command line in the configuration of the boot loader, and "
                        "reboot.",
                        NULL, NULL);
        expect_cure(&(Host){.os_release = "ID=arch\n", .loader = "Limine 9.2.0"}, "limine",
                        "Add intel_iommu=on to KERNEL_CMDLINE[default] in /etc/default/limine, run 'sudo "
                        "limine-update', "
                        "and reboot.",
                        NULL, NULL);
}

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

/* What is on the command line comes from root, but it must not become a command. */
static void test_strange_parameters(void) {
        static const char *const parameters[] = {"a=$(reboot)", "a='b'", "a=b;c", "a/b", "-x", "a&b", "a\\1", "a*b"};
        g_autoptr(TempTree) tree = temp_tree_new();

        put_host(tree, &(Host){.grub = debian, .files = FILES("usr/sbin/update-grub", "")});
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
        g_test_add_func("/boot-loader/debian", test_debian);
        g_test_add_func("/boot-loader/ubuntu", test_ubuntu);
        g_test_add_func("/boot-loader/fedora", test_fedora);
        g_test_add_func("/boot-loader/centos-7", test_centos_7);
        g_test_add_func("/boot-loader/arch", test_arch);
        g_test_add_func("/boot-loader/suse", test_suse);
        g_test_add_func("/boot-loader/others", test_others);
        g_test_add_func("/boot-loader/lines", test_lines);
        g_test_add_func("/boot-loader/strange-parameters", test_strange_parameters);
        g_test_add_func("/boot-loader/removal", test_removal);
        return g_test_run();
}
