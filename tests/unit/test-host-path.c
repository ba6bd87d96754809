/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/host-path.h"
#include "temp-tree.h"

#include <sched.h>

/* What vfioctl resolves before it calls vfiod. The only device node that a test can have is /dev/null, 1:3. */

#define DISK "/sys/devices/pci0000:00/0000:00:03.0/0000:04:00.0/nvme/nvme0/nvme0n1"

static void assert_resolves(TempTree *tree, const char *selector, const char *expected) {
        g_autofree char *path = NULL;

        g_assert_cmpint(host_path_resolve(tree->root, selector, &path), ==, 0);
        g_assert_cmpstr(path, ==, expected);
}

static void test_paths(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        static const char *const others[] = {"nvme0n1", "0000:04:00.0", "group:1", "", "/", "/dev/", "/dev/missing",
                        "/dev/disk", "/sys/missing", "/etc/disk", "dev/nvme0n1", " /dev/nvme0n1", "/dev/outside"};
        g_autofree char *deep = g_strnfill(200, 'x'), *far = g_strdup_printf("/sys/devices/%s/%s/%s", deep, deep, deep);

        temp_tree_folder(tree, "%s", &DISK[1]);
        temp_tree_folder(tree, "etc/disk");
        temp_tree_link(tree, "/dev/null", "dev/nvme0n1");
        temp_tree_link(tree, "../../nvme0n1", "dev/disk/by-id/nvme-QEMU_1");
        temp_tree_link(tree, "../etc/disk", "dev/outside");
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                assert_resolves(tree, others[i], others[i]);
        assert_resolves(tree, "/dev/nvme0n1", "/dev/nvme0n1");
        temp_tree_link(tree, "../../.." DISK, "sys/dev/char/1:3");
        temp_tree_link(tree, "../../.." DISK, "sys/class/block/nvme0n1");
        assert_resolves(tree, "/dev/nvme0n1", DISK);
        assert_resolves(tree, "/dev/disk/by-id/nvme-QEMU_1", DISK);
        assert_resolves(tree, "/sys/class/block/nvme0n1", DISK);

        /* vfiod would refuse a longer selector. */
        temp_tree_folder(tree, "%s", far + 1);
        temp_tree_link(tree, far + strlen("/sys/"), "sys/far");
        assert_resolves(tree, "/sys/far", "/sys/far");
}

static void test_interfaces(void) {
        static const char *const others[] = {"", "missing", "a-name-that-the-interface-does-not-have", "a/b",
                        "0000:3b:00.0", "group:25", "lo "};
        static const char long_name[] = "an-alternative-name-that-is-much-longer-than-the-name-of-an-interface";
        g_autofree char *too_long = g_strnfill(128, 'x');
        char name[HOST_INTERFACE_MAX];

        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        g_assert_cmpint(system("ip link add eth7 type veth peer name peer0 && ip link property add dev eth7 altname "
                               "enp59s0f0 altname "
                               "an-alternative-name-that-is-much-longer-than-the-name-of-an-interface"),
                        ==, 0);
        g_assert_true(host_interface_find("enp59s0f0", name));
        g_assert_cmpstr(name, ==, "eth7");
        g_assert_true(host_interface_find(long_name, name));
        g_assert_cmpstr(name, ==, "eth7");
        g_assert_true(host_interface_find("lo", name));
        g_assert_cmpstr(name, ==, "lo");
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                g_assert_false(host_interface_find(others[i], name));
        g_assert_false(host_interface_find(too_long, name));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/host-path/paths", test_paths);
        g_test_add_func("/host-path/interfaces", test_interfaces);
        return g_test_run();
}
