/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"
#include "temp-tree.h"

static void test_format(void) {
        g_assert_cmpstr(VFIO_NODE_TEXT(0), ==, "/dev/vfio/0");
        g_assert_cmpstr(VFIO_NODE_TEXT(G_MAXINT), ==, "/dev/vfio/2147483647");
}

/* That the second opener gets EBUSY is the kernel's doing: see the tests over the fake one. */
static void test_lock(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        g_assert_cmpint(vfio_node_lock(tree->kernel, 25), ==, -ENOENT);
        temp_tree_file(tree, "", "dev/vfio/25");
        _cleanup_close_ int fd = vfio_node_lock(tree->kernel, 25);
        g_assert_cmpint(fd, >=, 0);
        temp_tree_link(tree, "25", "dev/vfio/26");
        g_assert_cmpint(vfio_node_lock(tree->kernel, 26), ==, -ELOOP);
}

static void test_there(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, "", "dev/vfio/25");
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, 0);
        g_assert_cmpint(vfio_node_wait(tree->kernel, 26, 0), ==, -ETIMEDOUT);
        g_assert_cmpint(vfio_node_wait(tree->kernel, 26, 1), ==, -ETIMEDOUT);
        temp_tree_remove(tree, "dev/vfio");
        g_assert_cmpint(vfio_node_wait(tree->kernel, 25, 0), ==, -ENOENT);
}

static void *wait_for_node(void *userdata) {
        const TempTree *tree = userdata;

        return GINT_TO_POINTER(vfio_node_wait(tree->kernel, 25, 60000));
}

static GThread *start_waiting(TempTree *tree) {
        GThread *thread = g_thread_new("waits", wait_for_node, tree);

        g_usleep(20000);
        return thread;
}

/* Others come first, many of them; then it is made, or moved there. */
static void test_comes(void) {
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
        g_test_add_func("/vfio-node/there", test_there);
        g_test_add_func("/vfio-node/comes", test_comes);
        return g_test_run();
}
