/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"
#include "temp-tree.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void test_format(void) {
        g_assert_cmpstr(VFIO_NODE_TEXT(0, false), ==, "/dev/vfio/0");
        g_assert_cmpstr(VFIO_NODE_TEXT(G_MAXINT, false), ==, "/dev/vfio/2147483647");
        g_assert_cmpstr(VFIO_NODE_TEXT(G_MAXINT, true), ==, "/dev/vfio/noiommu-2147483647");
}

static char *node_path(TempTree *tree, const char *name) {
        temp_tree_folder(tree, "dev/vfio/devices");
        return temp_tree_path(tree, "dev/vfio/%s", name);
}

static void make_node(TempTree *tree, const char *name, mode_t type, dev_t number) {
        g_autofree char *path = node_path(tree, name);

        (void)unlink(path);
        g_assert_cmpint(mknod(path, type | 0600, number), ==, 0);
}

/* The files that can be in the way of the node 1:3. */
static void make_wrong_node(TempTree *tree, const char *name, unsigned kind) {
        g_autofree char *path = node_path(tree, name);

        switch (kind) {
        case 0:
                make_node(tree, name, S_IFCHR, makedev(1, 5));
                break;
        case 1:
                make_node(tree, name, S_IFBLK, makedev(1, 3));
                break;
        case 2:
                make_node(tree, name, S_IFREG, 0);
                break;
        case 3: /* A reader of the FIFO would wait for a writer. */
                make_node(tree, name, S_IFIFO, 0);
                break;
        default:
                (void)unlink(path);
                g_assert_cmpint(symlink("/dev/null", path), ==, 0);
        }
}
#define N_WRONG 5

static void test_number(void) {
        static const char *const invalid[] = {"", "x\n", "1:\n", "1:3 \n", "1:3\n4\n"};
        g_autoptr(TempTree) tree = temp_tree_new();
        dev_t number = 0;

        make_node(tree, "25", S_IFCHR, makedev(1, 5));
        g_assert_cmpint(vfio_node_read_number(tree->kernel, 25, false, &number), ==, 0);
        temp_tree_file(tree, "1:3\n", "sys/class/vfio/25/dev");
        g_assert_cmpint(vfio_node_read_number(tree->kernel, 25, true, &number), ==, 0);
        g_assert_cmpuint(number, ==, 0);
        g_assert_cmpint(vfio_node_read_number(tree->kernel, 25, false, &number), ==, 1);
        g_assert_cmpuint(number, ==, makedev(1, 3));
        temp_tree_file(tree, "1:7\n", "sys/class/vfio/noiommu-25/dev");
        g_assert_cmpint(vfio_node_read_number(tree->kernel, 25, true, &number), ==, 1);
        g_assert_cmpuint(number, ==, makedev(1, 7));
        for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++) {
                temp_tree_file(tree, invalid[i], "sys/class/vfio/25/dev");
                g_assert_cmpint(vfio_node_read_number(tree->kernel, 25, false, &number), ==, -EINVAL);
        }
}

/* Only a kernel returns EBUSY to the second opener: see the tests with the fake kernel. */
static void test_lock(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ENOENT);
        make_node(tree, "25", S_IFCHR, makedev(1, 3));
        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ENOENT); /* left over: the kernel has no node */
        temp_tree_file(tree, "1:3\n", "sys/class/vfio/25/dev");
        g_assert_true(vfio_node_is_right(tree->kernel, 25, makedev(1, 3)));
        _cleanup_close_ int fd = vfio_node_lock(tree->kernel, 25);
        g_assert_cmpint(fd, >=, 0);
        temp_tree_remove(tree, "dev/vfio/25");
        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ESTALE);
        temp_tree_remove(tree, "dev/vfio");
        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ESTALE);
        temp_tree_file(tree, "x\n", "sys/class/vfio/25/dev");
        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -EINVAL);
}

/* Another file is never opened, and never proves that nobody holds the group. */
static void test_lock_wrong(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, "1:3\n", "sys/class/vfio/25/dev");
        for (unsigned i = 0; i < N_WRONG; i++) {
                make_wrong_node(tree, "25", i);
                g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ESTALE);
                g_assert_false(vfio_node_is_right(tree->kernel, 25, makedev(1, 3)));
        }
        /* A simulated machine has regular files as nodes. */
        tree->kernel->has_own_nodes = true;
        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ESTALE);
        make_wrong_node(tree, "25", 2);
        _cleanup_close_ int fd = vfio_node_lock(tree->kernel, 25);
        g_assert_cmpint(fd, >=, 0);
}

static void test_exists(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        make_node(tree, "25", S_IFCHR, makedev(1, 3));
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, -ENODEV);
        temp_tree_file(tree, "1:3\n", "sys/class/vfio/25/dev");
        temp_tree_file(tree, "1:5\n", "sys/class/vfio/26/dev");
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, 0);
        g_assert_cmpint(vfio_node_wait(tree->kernel, 26, 0), ==, -ETIMEDOUT);
        g_assert_cmpint(vfio_node_wait(tree->kernel, 26, 1), ==, -ETIMEDOUT);
        for (unsigned i = 0; i < N_WRONG; i++) {
                make_wrong_node(tree, "25", i);
                g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 1), ==, -ESTALE);
        }
        temp_tree_remove(tree, "dev/vfio");
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, -ENOENT);
}

static void test_cdev(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        VfioCdev cdev = {.index = 3, .number = makedev(1, 3)};

        g_assert_cmpint(vfio_cdev_wait(tree->kernel, &cdev, 0), ==, -ENOENT);
        make_node(tree, "devices/vfio2", S_IFCHR, makedev(1, 3));
        g_assert_cmpint(vfio_cdev_wait(tree->kernel, &cdev, 0), ==, -ETIMEDOUT);
        for (unsigned i = 0; i < N_WRONG; i++) {
                make_wrong_node(tree, "devices/vfio3", i);
                g_assert_cmpint(vfio_cdev_wait(tree->kernel, &cdev, 1), ==, -ESTALE);
        }
        make_node(tree, "devices/vfio3", S_IFCHR, makedev(1, 3));
        g_assert_cmpint(vfio_cdev_wait(tree->kernel, &cdev, 0), ==, 0);
}

/* Linux before 6.1 has no class vfio-dev, but group nodes. */
static void test_group_nodes(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        g_assert_true(vfio_has_group_nodes(tree->kernel));
        temp_tree_folder(tree, "sys/class/vfio-dev");
        g_assert_false(vfio_has_group_nodes(tree->kernel));
        temp_tree_folder(tree, "sys/class/vfio");
        g_assert_true(vfio_has_group_nodes(tree->kernel));
}

static bool is_watched(void) {
        g_autoptr(GDir) fds = g_dir_open("/proc/self/fd", 0, NULL);
        const char *name;

        while ((name = g_dir_read_name(fds))) {
                g_autofree char *path = g_strdup_printf("/proc/self/fd/%s", name),
                                *info = g_strdup_printf("/proc/self/fdinfo/%s", name), *text = NULL;
                g_autofree char *target = g_file_read_link(path, NULL);

                if (target && strstr(target, "inotify") && g_file_get_contents(info, &text, NULL, NULL) &&
                                strstr(text, "inotify wd:"))
                        return true;
        }
        return false;
}

static void *wait_for_node(void *userdata) {
        const TempTree *tree = userdata;

        return GINT_TO_POINTER(vfio_node_wait(tree->kernel, 25, 60000));
}

static GThread *start_waiting(TempTree *tree) {
        GThread *thread = g_thread_new("waits", wait_for_node, tree);

        while (!is_watched())
                g_usleep(1000);
        return thread;
}

/* Many other nodes appear first; then the node is created, or moved over a wrong one. */
static void test_appears(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, "1:3\n", "sys/class/vfio/25/dev");
        GThread *thread = start_waiting(tree);
        for (unsigned i = 100; i < 200; i++)
                temp_tree_file(tree, "", "dev/vfio/%u", i);
        make_node(tree, "25", S_IFCHR, makedev(1, 3));
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);

        make_wrong_node(tree, "25", 0);
        thread = start_waiting(tree);
        g_autofree char *from = temp_tree_path(tree, "dev/vfio/new"), *to = temp_tree_path(tree, "dev/vfio/25");
        make_node(tree, "new", S_IFCHR, makedev(1, 3));
        g_assert_cmpint(rename(from, to), ==, 0);
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        temp_tree_permit_devices();
        g_test_add_func("/vfio-node/format", test_format);
        g_test_add_func("/vfio-node/number", test_number);
        g_test_add_func("/vfio-node/lock", test_lock);
        g_test_add_func("/vfio-node/lock-wrong", test_lock_wrong);
        g_test_add_func("/vfio-node/exists", test_exists);
        g_test_add_func("/vfio-node/cdev", test_cdev);
        g_test_add_func("/vfio-node/group-nodes", test_group_nodes);
        g_test_add_func("/vfio-node/appears", test_appears);
        return g_test_run();
}
