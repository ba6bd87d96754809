/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-denylist.h"
#include "temp-tree.h"

static void test_ids(void) {
        static const uint16_t listed[] = {0x0435, 0x0443, 0x0b25, 0x0cfe, 0x19e2, 0x19e3, 0x37c8, 0x37c9};

        for (size_t i = 0; i < G_N_ELEMENTS(listed); i++) {
                g_assert_nonnull(vfio_denylist_find(0x8086, listed[i]));
                g_assert_null(vfio_denylist_find(0x8087, listed[i]));
        }
        g_assert_null(vfio_denylist_find(0x8086, 0x100e));
}

static void test_parameter(void) {
        static const struct {
                const char *value;
                bool disabled;
        } values[] = {{"Y\n", true}, {"N\n", false}, {"", false}};
        g_autoptr(TempTree) tree = temp_tree_new();

        g_assert_false(vfio_denylist_is_disabled(tree->kernel));
        /* The module is loaded, so the settings for loading it have no effect. */
        temp_tree_file(tree, "options vfio-pci disable_denylist=1\n", "etc/modprobe.d/vfio.conf");
        for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
                temp_tree_file(tree, values[i].value, "sys/module/vfio_pci/parameters/disable_denylist");
                g_assert_true(vfio_denylist_is_disabled(tree->kernel) == values[i].disabled);
        }
}

static void test_settings(void) {
        static const struct {
                const char *config, *cmdline;
                bool disabled;
        } cases[] = {
                        {"options vfio-pci disable_denylist=1\n", "", true},
                        {"# x\noptions\tvfio_pci ids=10de:2484 disable_denylist\n", "", true},
                        {"options vfio-pci disable_denylist=1\noptions vfio-pci disable_denylist=0\n", "", false},
                        {"options vfio-pci disable_denylist=on\n", "quiet vfio_pci.disable_denylist=N", false},
                        {"", "vfio-pci.disable_denylist=Y quiet\n", true},
                        {"", "vfio_pci.disable_denylist\n", true},
                        {"#options vfio-pci disable_denylist=1\n", "disable_denylist=1", false},
                        {"options vfio disable_denylist=1\n", "vfio.disable_denylist=1", false},
                        {"options vfio-pci xdisable_denylist=1 disable_denylistx=1 disable_denylist=off\n", "", false},
                        {"options\n\noptions vfio-pci\n", "", false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();

                temp_tree_file(tree, "options vfio-pci disable_denylist=1\n", "etc/modprobe.d/vfio.conf.old");
                temp_tree_file(tree, cases[i].config, "etc/modprobe.d/vfio.conf");
                temp_tree_file(tree, cases[i].cmdline, "proc/cmdline");
                if (vfio_denylist_is_disabled(tree->kernel) != cases[i].disabled)
                        g_error("case %zu", i);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfio-denylist/ids", test_ids);
        g_test_add_func("/vfio-denylist/parameter", test_parameter);
        g_test_add_func("/vfio-denylist/settings", test_settings);
        return g_test_run();
}
