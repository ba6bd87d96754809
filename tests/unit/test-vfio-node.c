/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"
#include "temp-tree.h"

static void test_format(void) {
        g_assert_cmpstr(VFIO_NODE_TEXT(0, false), ==, "/dev/vfio/0");
        g_assert_cmpstr(VFIO_NODE_TEXT(G_MAXINT, false), ==, "/dev/vfio/2147483647");
        g_assert_cmpstr(VFIO_NODE_TEXT(G_MAXINT, true), ==, "/dev/vfio/noiommu-2147483647");
}

/* Only a kernel returns EBUSY to the second opener: see the tests with the fake kernel. */
static void test_lock(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ENOENT);
        temp_tree_file(tree, "", "dev/vfio/25");
        _cleanup_close_ int fd = vfio_node_lock(tree->kernel, 25);
        g_assert_cmpint(fd, >=, 0);
        temp_tree_link(tree, "25", "dev/vfio/26");
        g_assert_cmpint(vfio_node_lock(tree->kernel, 26), ==, -ELOOP);
}

static void test_exists(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, "", "dev/vfio/25");
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, 0);
        g_assert_cmpint(vfio_node_wait(tree->kernel, 26, 0), ==, -ETIMEDOUT);
        g_assert_cmpint(vfio_node_wait(tree->kernel, 26, 1), ==, -ETIMEDOUT);
        temp_tree_remove(tree, "dev/vfio");
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, -ENOENT);
}

static void test_cdev(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        VfioCdev cdev = {.name = "vfio3"};

        g_assert_cmpint(vfio_cdev_wait(tree->kernel, &cdev, 0), ==, -ENOENT);
        temp_tree_file(tree, "", "dev/vfio/devices/vfio2");
        g_assert_cmpint(vfio_cdev_wait(tree->kernel, &cdev, 0), ==, -ETIMEDOUT);
        temp_tree_file(tree, "", "dev/vfio/devices/vfio3");
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

/* Many other nodes appear first; then the node is created, or moved there. */
static void test_appears(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        GThread *thread = start_waiting(tree);

        for (unsigned i = 100; i < 200; i++)
                temp_tree_file(tree, "", "dev/vfio/%u", i);
        temp_tree_folder(tree, "dev/vfio/25");
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
        temp_tree_remove(tree, "dev/vfio/25");

        thread = start_waiting(tree);
        g_autofree char *from = temp_tree_path(tree, "dev/new"), *to = temp_tree_path(tree, "dev/vfio/25");
        temp_tree_file(tree, "", "dev/new");
        g_assert_cmpint(rename(from, to), ==, 0);
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread)), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfio-node/format", test_format);
        g_test_add_func("/vfio-node/lock", test_lock);
        g_test_add_func("/vfio-node/exists", test_exists);
        g_test_add_func("/vfio-node/cdev", test_cdev);
        g_test_add_func("/vfio-node/group-nodes", test_group_nodes);
        g_test_add_func("/vfio-node/appears", test_appears);
        return g_test_run();
}
