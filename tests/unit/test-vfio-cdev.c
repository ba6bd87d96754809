/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"
#include "kernel/vfio-cdev.h"
#include "temp-tree.h"

#include <sys/sysmacros.h>

#define ADDRESS "0000:03:01.0"
#define FOLDER "sys/bus/pci/devices/" ADDRESS "/vfio-dev"

static TempTree *tree_new(void) {
        TempTree *tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/" ADDRESS);
        return tree;
}

static int read_cdev(const TempTree *tree, VfioCdev *ret) {
        PciAddress address;

        g_assert_cmpint(pci_address_parse(ADDRESS, &address), ==, 0);
        _cleanup_close_ int fd = pci_device_open(tree->kernel, address);
        g_assert_cmpint(fd, >=, 0);
        return vfio_cdev_read(fd, ret);
}

static void assert_cdev(const TempTree *tree, int expected) {
        VfioCdev cdev = {.index = 1234};

        g_assert_cmpint(read_cdev(tree, &cdev), ==, expected);
        g_assert_cmpuint(cdev.index, ==, 1234);
}

static void test_none(void) {
        g_autoptr(TempTree) tree = tree_new();

        assert_cdev(tree, 0); /* not on a vfio driver */
        temp_tree_folder(tree, FOLDER);
        assert_cdev(tree, 0);
        temp_tree_folder(tree, FOLDER "/vfio3"); /* a kernel without cdevs */
        assert_cdev(tree, 0);
}

static void test_found(void) {
        g_autoptr(TempTree) tree = tree_new();
        VfioCdev cdev = {};

        temp_tree_file(tree, "511:3\n", FOLDER "/vfio3/dev");
        g_assert_cmpint(read_cdev(tree, &cdev), ==, 1);
        g_assert_cmpuint(cdev.index, ==, 3);
        g_assert_cmpuint(cdev.number, ==, makedev(511, 3));
        g_assert_cmpstr(VFIO_CDEV_TEXT(cdev.index), ==, "/dev/vfio/devices/vfio3");

        g_autoptr(TempTree) last = tree_new();
        temp_tree_file(last, "511:3\n", FOLDER "/vfio2147483647/dev");
        g_assert_cmpint(read_cdev(last, &cdev), ==, 1);
        g_assert_cmpuint(cdev.index, ==, G_MAXINT);
        g_assert_cmpstr(VFIO_CDEV_TEXT(G_MAXUINT), ==, "/dev/vfio/devices/vfio4294967295");
}

/* Anything else is an error, never "none". */
static void test_invalid(void) {
        static const char *const names[] = {
                        "vfio", "vfio3x", "mdev3", "vfio2147483648", "vfio214748364700", "vfio-3", "vfio03", "vfio+3"};
        static const char *const numbers[] = {"", "511\n", "511:\n", "x\n", "511:3 \n", "511:3\n4\n"};

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(TempTree) tree = tree_new();

                temp_tree_file(tree, "511:3\n", FOLDER "/%s/dev", names[i]);
                assert_cdev(tree, -EINVAL);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
                g_autoptr(TempTree) tree = tree_new();
                VfioCdev cdev = {};

                temp_tree_file(tree, numbers[i], FOLDER "/vfio3/dev");
                if (read_cdev(tree, &cdev) >= 0)
                        g_error("\"%s\" was accepted", numbers[i]);
        }

        g_autoptr(TempTree) two = tree_new(), folder = tree_new(), file = tree_new();
        temp_tree_file(two, "511:3\n", FOLDER "/vfio3/dev");
        temp_tree_folder(two, FOLDER "/vfio4");
        assert_cdev(two, -ENOTUNIQ);
        temp_tree_folder(folder, FOLDER "/vfio3/dev");
        assert_cdev(folder, -EISDIR);
        temp_tree_file(file, "", FOLDER);
        assert_cdev(file, -ENOTDIR);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfio-cdev/none", test_none);
        g_test_add_func("/vfio-cdev/found", test_found);
        g_test_add_func("/vfio-cdev/invalid", test_invalid);
        return g_test_run();
}
