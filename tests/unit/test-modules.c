/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/module-loader.h"
#include "kernel/modules.h"
#include "temp-tree.h"

static void test_exists(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        static const char *const junk[] = {"", ".", "..", "../devices", "e1000/..", "/e1000",
                        "a-name-that-is-much-longer-than-any-that-the-kernel-allows-for-a-module-or-driver"};

        temp_tree_folder(tree, "sys/bus/pci/drivers/e1000");
        g_assert_true(modules_driver_exists(tree->kernel, "e1000"));
        g_assert_false(modules_driver_exists(tree->kernel, "igb"));
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++)
                g_assert_false(modules_driver_exists(tree->kernel, junk[i]));
        g_assert_false(modules_driver_exists(tree->kernel, NULL));
}

static void test_module_of(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        char module[DRIVER_NAME_MAX];

        temp_tree_link(tree, "../../../../module/mod_name", "sys/bus/pci/drivers/drv/module");
        g_assert_cmpint(modules_of_driver(tree->kernel, "drv", module, sizeof(module)), ==, 0);
        g_assert_cmpstr(module, ==, "mod_name");
        temp_tree_folder(tree, "sys/bus/pci/drivers/builtin");
        g_assert_cmpint(modules_of_driver(tree->kernel, "builtin", module, sizeof(module)), ==, -ENOENT);
        g_assert_cmpint(modules_of_driver(tree->kernel, "missing", module, sizeof(module)), ==, -ENOENT);
        g_assert_cmpint(modules_of_driver(tree->kernel, "", module, sizeof(module)), ==, -EINVAL);
        g_assert_cmpint(modules_of_driver(tree->kernel, "../drv", module, sizeof(module)), ==, -EINVAL);
        g_assert_cmpint(modules_of_driver(tree->kernel, "drv", module, 4), ==, -ENAMETOOLONG);
}

/* Loads only a missing driver, by the name of the module if that is known. */
static void test_ensure(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_folder(tree, "sys/bus/pci/drivers/e1000");
        g_assert_cmpint(modules_ensure_driver(tree->kernel, "e1000", NULL), ==, 0);
        g_assert_cmpuint(tree->loaded->len, ==, 0);

        tree->load_brings = g_strdup("vfio-pci");
        g_assert_cmpint(modules_ensure_driver(tree->kernel, "vfio-pci", NULL), ==, 0);
        g_assert_cmpuint(tree->loaded->len, ==, 1);
        g_assert_cmpstr(tree->loaded->pdata[0], ==, "vfio-pci");
        g_assert_cmpint(modules_ensure_driver(tree->kernel, "vfio-pci", NULL), ==, 0);
        g_assert_cmpuint(tree->loaded->len, ==, 1);

        g_free(tree->load_brings);
        tree->load_brings = g_strdup("i801_smbus");
        g_assert_cmpint(modules_ensure_driver(tree->kernel, "i801_smbus", "i2c_i801"), ==, 0);
        g_assert_cmpstr(tree->loaded->pdata[1], ==, "i2c_i801");
}

static void test_errors(void) {
        static const int errors[] = {-ENOENT, -EPERM, -ENOMEM, -ENOEXEC, -EKEYREJECTED, -ENODEV};
        g_autoptr(TempTree) tree = temp_tree_new();

        for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
                tree->load_result = errors[i];
                g_assert_cmpint(modules_ensure_driver(tree->kernel, "vfio-pci", NULL), ==, errors[i]);
        }
        /* The module was loaded, but there is no such driver. */
        tree->load_result = 0;
        g_assert_cmpint(modules_ensure_driver(tree->kernel, "vfio-pci", NULL), ==, -ENODEV);
}

/* The real loader reports a name that is no module. */
static void test_kmod(void) {
        g_assert_cmpint(module_load("vfiod-no-such-module"), <, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/modules/exists", test_exists);
        g_test_add_func("/modules/module-of", test_module_of);
        g_test_add_func("/modules/ensure", test_ensure);
        g_test_add_func("/modules/errors", test_errors);
        g_test_add_func("/modules/kmod", test_kmod);
        return g_test_run();
}
