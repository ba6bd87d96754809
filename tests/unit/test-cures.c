/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot-host.h"
#include "diagnosis/host-checks.h"
#include "model.h"

/* Cures that must not change more than they name, and findings that depend on details of the host. */

#define INTEL "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n"

/* A Debian host with VT-d and GRUB, on which vfio-pci is not loaded. */
static TempTree *make_tree(const char *command_line) {
        TempTree *tree = temp_tree_new();

        put_host(tree, &(Host){.os_release = "ID=debian\n", .grub = grub_debian});
        temp_tree_file(tree, "", "usr/sbin/update-grub");
        temp_tree_file(tree, INTEL, "proc/cpuinfo");
        temp_tree_file(tree, command_line, "proc/cmdline");
        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/DMAR");
        return tree;
}

/* Puts the command line into the settings of GRUB, too. */
static void put_command_line(TempTree *tree, const char *command_line) {
        g_autofree char *grub = g_strdup_printf("GRUB_CMDLINE_LINUX_DEFAULT=\"%s\"\n", command_line);

        temp_tree_file(tree, command_line, "proc/cmdline");
        temp_tree_file(tree, grub, "etc/default/grub");
}

static const CheckList *diagnose(TempTree *tree) {
        static CheckList list;
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        HostFacts facts;

        check_list_done(&list);
        g_assert_cmpint(host_facts_read(tree->kernel, 0, 0, &facts), ==, 0);
        firmware_checks_run(&facts, &list);
        vfio_checks_run(&facts, inventory, &list);
        host_facts_done(&facts);
        g_assert_cmpint(list.error, ==, 0);
        return &list;
}

/* A list of modules that are forbidden: the others stay forbidden. */
static void test_forbidden_list(void) {
        g_autoptr(TempTree) tree = make_tree("");

        put_command_line(tree, "quiet module_blacklist=nouveau,vfio_pci");
        expect_check(diagnose(tree), "vfio-module", "error", "module_blacklist=nouveau,vfio_pci",
                        "Remove vfio_pci from the parameter module_blacklist=nouveau,vfio_pci in GRUB_CMDLINE_LINUX in "
                        "/etc/default/grub, make grub.cfg again, and reboot.");
        g_assert_cmpstr(check_get_detail(find_check(diagnose(tree), "vfio-module"), "boot-loader"), ==, "grub");
        put_command_line(tree, "module_blacklist=vfio_pci quiet");
        const Check *check = find_check(diagnose(tree), "vfio-module");
        run_command(tree, check->cure);
        expect_line(tree, "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"");
        /* Each modprobe.blacklist counts, and only one of them is removed. */
        put_command_line(tree, "modprobe.blacklist=vfio_pci modprobe.blacklist=nouveau");
        check = find_check(diagnose(tree), "vfio-module");
        g_assert_nonnull(strstr(check->finding, "modprobe.blacklist=vfio_pci."));
        run_command(tree, check->cure);
        expect_line(tree, "etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"modprobe.blacklist=nouveau\"");
        /* A name with a dash has no effect there. */
        put_command_line(tree, "module_blacklist=vfio-pci modprobe.blacklist=vfio-pci");
        expect_check(diagnose(tree), "vfio-module", "ok", "not loaded", "");
        /* The kernel obeys only the last module_blacklist. */
        put_command_line(tree, "module_blacklist=vfio_pci module_blacklist=nouveau");
        expect_check(diagnose(tree), "vfio-module", "ok", "not loaded", "");
}

/* A blacklist stops only the module that is loaded by its name. A command, and the kernel's own list, stop dependencies, too. */
static void test_forbidden_dependency(void) {
        g_autoptr(TempTree) tree = make_tree("modprobe.blacklist=vfio,vfio_iommu_type1");

        temp_tree_file(tree, "blacklist vfio\nblacklist vfio-pci-core\n", "etc/modprobe.d/a.conf");
        expect_check(diagnose(tree), "vfio-module", "ok", "not loaded", "");
        temp_tree_file(tree, "blacklist vfio\ninstall vfio /bin/true\n", "etc/modprobe.d/a.conf");
        expect_check(diagnose(tree), "vfio-module", "error", "line 2 of", "sudo sed -i '2s/^/#/' *");
        temp_tree_file(tree, "blacklist vfio\nblacklist vfio_pci\n", "etc/modprobe.d/a.conf");
        expect_check(diagnose(tree), "vfio-module", "error", "line 2 of", "sudo sed -i '2s/^/#/' *");
        temp_tree_file(tree, "", "etc/modprobe.d/a.conf");
        temp_tree_file(tree, "module_blacklist=vfio_iommu_type1", "proc/cmdline");
        expect_check(diagnose(tree), "vfio-module", "error", "module vfio_iommu_type1 must not", "*");
}

/* The word that turns the IOMMU off is removed, not another one of the same parameter. */
static void test_off_switch(void) {
        static const struct {
                const char *before, *after;
        } cases[] = {
                        {"iommu=off quiet iommu=pt", "quiet iommu=pt"},
                        {"intel_iommu=off intel_iommu=sm_on", "intel_iommu=sm_on"},
                        {"intel_iommu=sm_on intel_iommu=strict,off", "intel_iommu=sm_on"},
        };
        g_autoptr(TempTree) tree = make_tree("");

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *line = g_strdup_printf("GRUB_CMDLINE_LINUX_DEFAULT=\"%s\"", cases[i].after);

                put_command_line(tree, cases[i].before);
                run_command(tree, find_check(diagnose(tree), "iommu")->cure);
                expect_line(tree, "etc/default/grub", line);
        }
}

/* Each distribution makes its initramfs with another program. */
static void test_initramfs(void) {
        static const struct {
                const char *program, *os_release, *cure;
        } cases[] = {
                        {"usr/sbin/update-initramfs", "ID=debian\n", " && sudo update-initramfs -u -k all"},
                        {"usr/bin/mkinitcpio", "ID=arch\n", " && sudo mkinitcpio -P"},
                        {"usr/bin/dracut", "ID=fedora\n", " && sudo dracut --force --regenerate-all"},
                        {"usr/bin/dracut", "ID=opensuse-microos\n", " && sudo transactional-update initrd"},
                        {"run/ostree-booted", "ID=fedora\n", ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = make_tree("");
                g_autofree char *cure =
                                g_strdup_printf("sudo sed -i '1s/^/#/' /etc/modprobe.d/a.conf%s", cases[i].cure);

                temp_tree_file(tree, cases[i].os_release, "etc/os-release");
                temp_tree_file(tree, "", "%s", cases[i].program);
                if (strstr(cases[i].program, "ostree"))
                        temp_tree_file(tree, "", "usr/bin/dracut");
                temp_tree_file(tree, "options vfio-pci ids=1234:5678\n", "etc/modprobe.d/a.conf");
                expect_check(diagnose(tree), "captured-ids", "info", "no device has them", cure);
        }
        g_autoptr(TempTree) tree = make_tree("");
        temp_tree_file(tree, "", "usr/bin/mkinitcpio");
        temp_tree_file(tree, "options vfio-pci ids=1234:5678\n", "usr/lib/modprobe.d/a.conf");
        expect_check(diagnose(tree), "captured-ids", "info", "no device has them",
                        "Remove line 1 of /usr/lib/modprobe.d/a.conf, then run 'sudo mkinitcpio -P'.");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cures/forbidden-list", test_forbidden_list);
        g_test_add_func("/cures/forbidden-dependency", test_forbidden_dependency);
        g_test_add_func("/cures/off-switch", test_off_switch);
        g_test_add_func("/cures/initramfs", test_initramfs);
        return g_test_run();
}
