/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/mounts.h"
#include "uses.h"

static void read_table(TempTree *tree, MountTable *table) {
        g_assert_cmpint(mount_table_read(tree->kernel, table), ==, 0);
}

static void assert_mount(TempTree *tree, unsigned major, unsigned minor, const char *node, const char *target) {
        MountTable table;

        read_table(tree, &table);
        const Mount *mount = mount_table_find(&table, major, minor, node);
        g_assert_cmpstr(mount ? mount->target : NULL, ==, target);
        mount_table_done(&table);
        g_assert_null(table.mounts);
}

static void test_fields(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        MountTable table;

        put_process(tree, 1, "systemd", 4026531840,
                        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
                        "27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro\n"
                        "36 35 98:0 /root /mnt rw,noatime master:1 propagate_from:2 - ext3 /dev/sdb1 rw\n"
                        "40 27 0:40 / /run/user none - tmpfs  rw\n");
        read_table(tree, &table);
        g_assert_cmpuint(table.n_mounts, ==, 4);
        g_assert_cmpuint(table.mounts[1].major, ==, 259);
        g_assert_cmpuint(table.mounts[1].minor, ==, 2);
        g_assert_cmpstr(table.mounts[1].source, ==, "/dev/nvme0n1p2");
        g_assert_cmpstr(table.mounts[1].target, ==, "/");
        g_assert_cmpstr(table.mounts[1].namespace, ==, "mnt:[4026531840]");
        g_assert_cmpstr(table.mounts[2].source, ==, "/dev/sdb1");
        g_assert_cmpstr(table.mounts[2].target, ==, "/mnt");
        mount_table_done(&table);

        assert_mount(tree, 259, 2, "-", "/");
        assert_mount(tree, 259, 3, "/dev/nvme0n1p3", NULL);
        assert_mount(tree, 2, 259, "/dev/nvme0n1p", NULL);
        assert_mount(tree, 8, 17, "/dev/sdb1", "/mnt");
}

/* A container's own. Each namespace is read once. */
static void test_namespaces(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        MountTable table;

        put_process(tree, 1, "systemd", 1, "27 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
        put_process(tree, 20, "sh", 1, "27 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
        put_process(tree, 300, "containerd-shim", 2, "27 1 8:1 / /data rw - ext4 /dev/sda1 rw\n");
        put_process(tree, 301, "postgres", 2, "27 1 8:1 / /data rw - ext4 /dev/sda1 rw\n");
        read_table(tree, &table);
        g_assert_cmpuint(table.n_mounts, ==, 2);
        mount_table_done(&table);
        assert_mount(tree, 8, 1, "-", "/data");
        assert_mount(tree, 259, 2, "-", "/");
}

/* Those that are on their way out, and what else is in /proc. */
static void test_passed_over(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_folder(tree, "proc/10");
        temp_tree_link(tree, "mnt:[10]", "proc/11/ns/mnt");
        put_process(tree, 12, "x", 12, "");
        put_process(tree, 13, "x", 13,
                        "\n"
                        "garbage\n"
                        "1 2 3\n"
                        "36 35 98:0 /root - \n"
                        "36 35 x:y / /mnt rw - ext3 /dev/sda rw\n"
                        "36 35 8:1 / /mnt rw ext3 /dev/sda rw\n"
                        "36 35 8:0 / /right rw - ext3 /dev/sda rw\n"
                        "36 35 8:2 / /end rw - ext3");
        put_process(tree, 12345, "x", 14, "36 35 8:3 / /last rw - ext3 /dev/sda3");
        temp_tree_link(tree, "13", "proc/self");
        temp_tree_file(tree, "", "proc/mounts");
        assert_mount(tree, 8, 0, "-", "/right");
        assert_mount(tree, 8, 1, "-", NULL);
        assert_mount(tree, 8, 2, "/dev/sda2", "/end");
        assert_mount(tree, 8, 3, "-", "/last");
        assert_mount(tree, 98, 0, "-", NULL);
}

static void test_unreadable(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        MountTable table;

        read_table(tree, &table);
        g_assert_cmpuint(table.n_mounts, ==, 0);
        g_assert_null(mount_table_find(&table, 0, 0, "/dev/sda"));
        mount_table_done(&table);

        Kernel broken = *tree->kernel;
        broken.proc_fd = -EBADF;
        g_assert_cmpint(mount_table_read(&broken, &table), ==, -EBADF);
}

static void test_escapes(void) {
        static const char *const cases[][2] = {
                        {"", ""},
                        {"/plain", "/plain"},
                        {"/my\\040disk\\011a\\012b\\134c\\043", "/my disk\ta\nb\\c#"},
                        {"\\040", " "},
                        {"\\304\\266", "\304\266"},
                        {"\\04", "\\04"},
                        {"\\", "\\"},
                        {"\\0", "\\0"},
                        {"\\080", "\\080"},
                        {"\\000", "\\000"},
                        {"\\777", "\\777"},
                        {"\\\\040", "\\ "},
        };
        g_autoptr(TempTree) tree = temp_tree_new();

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strdup(cases[i][0]);

                g_assert_true(mount_unescape(text) == text);
                g_assert_cmpstr(text, ==, cases[i][1]);
        }
        put_process(tree, 1, "systemd", 1,
                        "27 1 0:50 / /my\\040backup rw - btrfs /dev/mapper/my\\040disk rw\n"
                        "28 1 8:1 / /b rw - ext4 /dev/sda1 rw\n");
        assert_mount(tree, 253, 0, "/dev/mapper/my disk", "/my backup");
        assert_mount(tree, 8, 1, "-", "/b");
}

/* More than fits into the first allocation. */
static void test_many(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(GString) mounts = g_string_new(NULL);

        for (unsigned i = 0; i < 1000; i++)
                g_string_append_printf(mounts, "%u 1 7:%u / /snap/%u ro - squashfs /dev/loop%u ro\n", i + 2, i, i, i);
        put_process(tree, 1, "systemd", 1, mounts->str);
        assert_mount(tree, 7, 0, "-", "/snap/0");
        assert_mount(tree, 7, 999, "-", "/snap/999");
        assert_mount(tree, 7, 1000, "/dev/loop1000", NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mounts/fields", test_fields);
        g_test_add_func("/mounts/namespaces", test_namespaces);
        g_test_add_func("/mounts/passed-over", test_passed_over);
        g_test_add_func("/mounts/unreadable", test_unreadable);
        g_test_add_func("/mounts/escapes", test_escapes);
        g_test_add_func("/mounts/many", test_many);
        return g_test_run();
}
