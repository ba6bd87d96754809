/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/mounts.h"
#include "uses.h"

static void read_table_within(TempTree *tree, const UsageLimits *limits, MountTable *table) {
        _cleanup_(process_table_done) ProcessTable processes = {};

        g_assert_cmpint(process_table_read(tree->kernel, limits, &processes), ==, 0);
        g_assert_cmpint(mount_table_read(tree->kernel, &processes, limits, table), ==, 0);
}

static void read_table(TempTree *tree, MountTable *table) {
        read_table_within(tree, &usage_limits, table);
}

static void assert_mount(TempTree *tree, unsigned major, unsigned minor, const char *node, const char *target) {
        MountTable table;

        read_table(tree, &table);
        g_autofree char *number = g_strdup_printf("%u:%u", major, minor);
        const Mount *mount = mount_table_find(&table, number);
        if (!mount)
                mount = mount_table_find(&table, node);
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
                        "37 35 98:0 /root /again rw,noatime - ext3 /dev/sdb1 rw\n"
                        "40 27 0:40 / /run/user none - tmpfs  rw\n");
        read_table(tree, &table);
        g_assert_cmpuint(table.n_lines, ==, 5);
        g_assert_cmpuint(table.n_mounts, ==, 2); /* of devices, and each once */
        g_assert_false(table.is_partial);
        mount_table_done(&table);

        assert_mount(tree, 259, 2, "-", "/");
        assert_mount(tree, 98, 0, "-", "/mnt");
        assert_mount(tree, 259, 3, "/dev/nvme0n1p3", NULL);
        assert_mount(tree, 2, 259, "/dev/nvme0n1p", NULL);
        /* The number counts, not the source. */
        assert_mount(tree, 8, 17, "/dev/sdb1", NULL);
}

/* What mount() was told is no evidence: anybody can write it. What the kernel writes is, and root alone can mount these. */
static void test_source(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        put_process(tree, 1, "systemd", 1,
                        "27 1 0:30 /@ / rw - btrfs /dev/sda1 rw\n"
                        "28 1 0:31 / /b rw - bcachefs /dev/sdb:/dev/sdc rw\n"
                        "29 1 0:32 / /t rw - tmpfs /dev/sdd rw\n"
                        "30 1 0:33 / /f rw - fuse.btrfs /dev/sde rw\n"
                        "31 1 0:34 / /o rw - overlay /dev/sdf rw\n");
        put_owner(tree, 1, 0, 4026531837);
        assert_mount(tree, 8, 1, "/dev/sda1", "/");
        assert_mount(tree, 8, 16, "/dev/sdb", "/b");
        assert_mount(tree, 8, 32, "/dev/sdc", "/b");
        assert_mount(tree, 8, 48, "/dev/sdd", NULL);
        assert_mount(tree, 8, 64, "/dev/sde", NULL);
        assert_mount(tree, 8, 80, "/dev/sdf", NULL);

        /* The same words in a user namespace; a number is evidence there, too. */
        put_process(tree, 700, "sh", 2,
                        "27 1 0:30 / /tmp/m rw - tmpfs /dev/nvme0n1 rw\n"
                        "28 1 0:31 / /tmp/n rw - btrfs /dev/nvme1n1 rw\n"
                        "29 1 259:7 / /data rw - ext4 /dev/nvme2n1 rw\n");
        put_owner(tree, 700, 1000, 4026532001);
        assert_mount(tree, 259, 1, "/dev/nvme0n1", NULL);
        assert_mount(tree, 259, 2, "/dev/nvme1n1", NULL);
        assert_mount(tree, 259, 7, "/dev/nvme2n1", "/data");
        /* Where the owner cannot be told, the namespace counts as one of the host. */
        temp_tree_remove(tree, "proc/700/ns/user");
        assert_mount(tree, 259, 2, "/dev/nvme1n1", "/tmp/n");
        assert_mount(tree, 259, 1, "/dev/nvme0n1", NULL);
}

static size_t lines_within(TempTree *tree, size_t of_host, size_t of_others, bool is_partial) {
        const UsageLimits limits = {.processes = 1000, .mounts_of_host = of_host, .mounts_of_others = of_others};
        MountTable table;

        read_table_within(tree, &limits, &table);
        g_assert_cmpint(table.is_partial, ==, is_partial);
        size_t n = table.n_lines;
        mount_table_done(&table);
        return n;
}

/* The mounts of other user namespaces are read last, and their limit is not that of the host's. */
static void test_limits(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(GString) mounts = g_string_new(NULL);

        for (unsigned i = 0; i < 100; i++)
                g_string_append_printf(mounts, "%u 1 7:%u / /%u ro - ext4 /dev/loop%u ro\n", i + 2, i, i, i);
        put_process(tree, 10, "sh", 10, mounts->str);
        put_owner(tree, 10, 1000, 99);
        put_process(tree, 1, "systemd", 1, mounts->str);
        put_owner(tree, 1, 0, 1);
        put_process(tree, 30, "container", 30, mounts->str);
        put_owner(tree, 30, 0, 1);
        g_assert_cmpuint(lines_within(tree, 200, 100, false), ==, 300);
        g_assert_cmpuint(lines_within(tree, 200, 99, true), ==, 299);
        g_assert_cmpuint(lines_within(tree, 200, 0, true), ==, 200);
        g_assert_cmpuint(lines_within(tree, 150, 100, true), ==, 250);
}

/* A namespace whose first process ends while it is read is read through the next one. */
static void test_ended(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        put_process(tree, 10, "a", 5, "");
        temp_tree_remove(tree, "proc/10/mountinfo");
        put_process(tree, 11, "b", 5, "27 1 8:1 / /data rw - ext4 /dev/sda1 rw\n");
        assert_mount(tree, 8, 1, "-", "/data");
}

/* A list that cannot be read whole is noted: the claim of a disk may be by one of these. */
static void test_partial(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        MountTable table;

        put_process(tree, 10, "a", 5, "");
        temp_tree_remove(tree, "proc/10/mountinfo");
        temp_tree_link(tree, "mountinfo", "proc/10/mountinfo");
        read_table(tree, &table);
        g_assert_true(table.is_partial);
        mount_table_done(&table);
        temp_tree_remove(tree, "proc/10/mountinfo");
        temp_tree_folder(tree, "proc/10/mountinfo"); /* which opens, and cannot be read */
        read_table(tree, &table);
        g_assert_true(table.is_partial);
        mount_table_done(&table);
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
        g_assert_null(mount_table_find(&table, "/dev/sda"));
        mount_table_done(&table);

        _cleanup_(process_table_done) ProcessTable processes = {};
        Kernel broken = *tree->kernel;
        broken.proc_fd = -EBADF;
        g_assert_cmpint(process_table_read(&broken, &usage_limits, &processes), ==, -EBADF);
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
        g_test_add_func("/mounts/source", test_source);
        g_test_add_func("/mounts/limits", test_limits);
        g_test_add_func("/mounts/ended", test_ended);
        g_test_add_func("/mounts/partial", test_partial);
        g_test_add_func("/mounts/namespaces", test_namespaces);
        g_test_add_func("/mounts/passed-over", test_passed_over);
        g_test_add_func("/mounts/unreadable", test_unreadable);
        g_test_add_func("/mounts/escapes", test_escapes);
        g_test_add_func("/mounts/many", test_many);
        return g_test_run();
}
