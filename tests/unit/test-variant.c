/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modules.h"
#include "kernel/variant.h"
#include "temp-tree.h"

/* modules.alias, the best match in it, and the names of drivers. */

#define RELEASE "6.12.0-1-amd64"

static void assert_found(const VariantList *list, PciIds ids, const char *expected) {
        const Variant *variant = variant_list_find(list, &ids);

        g_assert_cmpstr(variant ? variant->module : NULL, ==, expected);
}

static void test_aliases(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_variants_ VariantList list = {}, none = {};

        g_assert_cmpint(variant_list_read(tree->kernel, &none), ==, 0);
        temp_tree_file(tree, RELEASE "\n", "proc/sys/kernel/osrelease");
        g_assert_cmpint(variant_list_read(tree->kernel, &none), ==, 0);
        g_assert_cmpuint(none.n_variants, ==, 0);
        temp_tree_file(tree,
                        "# Aliases extracted from modules themselves.\n"
                        "alias pci:v000010DEd00002342sv*sd*bc*sc*i* nvidia\n"
                        "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
                        "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci\n"
                        "alias vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_vfio_pci\n"
                        "alias vfio_pci:v00001AF4d00001041sv00001234sd*bc02sc00i* special_vfio_pci\n"
                        "alias vfio_pci:v00001AF4d*sv*sd*bc*sc*i* general_vfio_pci\n"
                        "alias vfio_pci:x\nalias vfio_pci:x y z\n"
                        "# alias vfio_pci:v* comment_vfio_pci\nvfio_pci:v* short_vfio_pci\n"
                        "alias of:vfio_pci:v* other_vfio_pci\n"
                        "alias vfio_pci:v0000ABCDd0000EF01sv*sd*bc*sc*i* last_vfio_pci",
                        "lib/modules/" RELEASE "/modules.alias");
        g_assert_cmpint(variant_list_read(tree->kernel, &list), ==, 0);
        g_assert_cmpuint(list.n_variants, ==, 6);
        assert_found(&list, (PciIds){.vendor = 0x10de, .device = 0x2342, .class = 0x030200}, "nvgrace_gpu_vfio_pci");
        assert_found(&list, (PciIds){.vendor = 0x10de, .device = 0x2343, .class = 0x030200}, NULL);
        assert_found(&list, (PciIds){.vendor = 0x1af4, .device = 0x1041, .class = 0x020000}, "virtio_vfio_pci");
        assert_found(&list, (PciIds){0x1af4, 0x1041, 0x1234, 0x1, 0x020000, 0}, "special_vfio_pci");
        assert_found(&list, (PciIds){0x1af4, 0x1041, 0x1234, 0x1, 0x010000, 0}, "virtio_vfio_pci");
        assert_found(&list, (PciIds){.vendor = 0x1af4, .device = 0x1042}, "general_vfio_pci");
        assert_found(&list, (PciIds){.vendor = 0xabcd, .device = 0xef01}, "last_vfio_pci");
        assert_found(&none, (PciIds){.vendor = 0x10de, .device = 0x2342}, NULL);
}

static void test_names(void) {
        static const char *const good[] = {"vfio-pci", "vfio_pci", "mlx5_vfio_pci", "nvgrace-gpu-vfio-pci"};
        static const char *const bad[] = {"", "e1000e", "vfio pci", "vfio/pci", "vfio_pci:v*", "../vfio",
                        "vfio-345678901234567890123456789012345678901234567890123456"};

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_true(pci_vfio_name_is_valid(good[i]));
        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
                g_assert_false(pci_vfio_name_is_valid(bad[i]));
        g_assert_true(modules_names_equal("a-b_c", "a_b-c"));
        g_assert_false(modules_names_equal("a-b", "a-b_c"));
        g_assert_false(modules_names_equal("a-b_c", "a-b"));
}

static void test_driver_of(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        char driver[DRIVER_NAME_MAX];

        temp_tree_file(tree, "", "sys/module/a_vfio_pci/drivers/pci:other");
        temp_tree_file(tree, "", "sys/module/a_vfio_pci/drivers/pci:a-vfio-pci");
        temp_tree_file(tree, "", "sys/module/a_vfio_pci/drivers/platform:x");
        temp_tree_file(tree, "", "sys/bus/pci/drivers/builtin-vfio-pci/bind");
        g_assert_cmpint(modules_find_driver(tree->kernel, "a-vfio_pci", driver), ==, 0);
        g_assert_cmpstr(driver, ==, "a-vfio-pci");
        g_assert_cmpint(modules_find_driver(tree->kernel, "builtin_vfio_pci", driver), ==, 0);
        g_assert_cmpstr(driver, ==, "builtin-vfio-pci");
        g_assert_cmpint(modules_find_driver(tree->kernel, "b_vfio_pci", driver), ==, -ENOENT);
        g_assert_cmpint(modules_find_driver(tree->kernel, "../a_vfio_pci", driver), ==, -ENOENT);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/variant/aliases", test_aliases);
        g_test_add_func("/variant/names", test_names);
        g_test_add_func("/variant/driver-of", test_driver_of);
        return g_test_run();
}
