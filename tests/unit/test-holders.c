/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "temp-tree.h"
#include "usage/holders.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* A real process with this name that has a file open; the tree's proc/ shows it. */
static pid_t fork_holder(TempTree *tree, const char *command, const char *file) {
        g_autofree char *path = temp_tree_path(tree, "%s", file);
        int ends[2];
        char ready;

        g_assert_cmpint(pipe(ends), ==, 0);
        pid_t pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)prctl(PR_SET_NAME, command);
                if (open(path, O_RDWR) >= 0 && write(ends[1], "r", 1) == 1)
                        for (;;)
                                (void)pause();
                _exit(1);
        }
        close(ends[1]);
        g_assert_cmpint(read(ends[0], &ready, 1), ==, 1);
        close(ends[0]);

        g_autofree char *target = g_strdup_printf("/proc/%d", (int)pid);
        temp_tree_link(tree, target, "proc/%d", (int)pid);
        return pid;
}

static void end_holder(pid_t pid) {
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static void test_found(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder = {};

        temp_tree_file(tree, "", "dev/vfio/25");
        temp_tree_file(tree, "", "dev/vfio/125");
        /* Other files in /proc. */
        temp_tree_file(tree, "x\n", "proc/cmdline");
        temp_tree_folder(tree, "proc/12x/fd");
        temp_tree_folder(tree, "proc/0/fd");
        temp_tree_folder(tree, "proc/99999999999999999999/fd");
        temp_tree_folder(tree, "proc/7");
        temp_tree_link(tree, "8", "proc/self");

        pid_t other = fork_holder(tree, "other", "dev/vfio/125");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, -ENOENT);
        g_assert_cmpint(holder.pid, ==, 0);
        pid_t pid = fork_holder(tree, "qemu-system-x86", "dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, pid);
        g_assert_cmpstr(holder.command, ==, "qemu-system-x86");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 5, &holder), ==, -ENOENT);
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 125, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, other);

        end_holder(pid);
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, -ENOENT);
        end_holder(other);
}

/* A sandboxed VM has it open under another path. */
static void test_elsewhere(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_file(tree, "", "sandbox/dev/vfio/25");
        pid_t pid = fork_holder(tree, "vm", "sandbox/dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, pid);
        end_holder(pid);
}

/* The name is kept unchanged, and escaped for logs and terminals. */
static void test_odd_name(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_file(tree, "", "dev/vfio/25");
        pid_t pid = fork_holder(tree, "a\nb\033[2Jc\xe9", "dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, 0);
        g_assert_cmpstr(holder.command, ==, "a\nb\033[2Jc\xe9");
        g_autofree char *expected = g_strdup_printf("process %d (a\\x0ab\\x1b[2Jc\\xe9)", (int)pid);
        g_assert_true(g_str_has_prefix(HOLDER_TEXT(&holder), expected));
        end_holder(pid);
}

static int count_holder(const Holder *holder, const char *node, void *userdata) {
        GString *text = userdata;

        g_string_append_printf(text, "%d %s %s;", (int)holder->pid, holder->command, node ? node : "-");
        return strstr(text->str, "enough") ? 42 : 0;
}

static void assert_holders(TempTree *tree, const DeviceNode *nodes, size_t n_nodes, int result, const char *expected) {
        g_autoptr(GString) text = g_string_new(NULL);

        g_assert_cmpint(holders_of_nodes(tree->kernel, nodes, n_nodes, count_holder, text), ==, result);
        g_assert_cmpstr(text->str, ==, expected);
}

/* Real processes, each reported once, with the first of its nodes that is found. */
static void test_nodes(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        const DeviceNode nodes[] = {{.number = makedev(1, 5)}, {.number = makedev(1, 3)}};
        const DeviceNode others[] = {{.number = makedev(1, 5), .block = true}, {.number = makedev(3, 1)}};

        temp_tree_link(tree, "/dev/null", "null");
        pid_t pid = fork_holder(tree, "holder", "null");
        g_autofree char *expected = g_strdup_printf("%d holder /dev/null;", (int)pid);

        assert_holders(tree, nodes, 2, 0, expected);
        assert_holders(tree, others, 2, 0, "");
        assert_holders(tree, NULL, 0, 0, "");
        end_holder(pid);
        assert_holders(tree, nodes, 2, 0, "");
}

static void test_visitor_stops(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        const DeviceNode null_node = {.number = makedev(1, 3)};

        temp_tree_link(tree, "/dev/null", "null");
        pid_t pid = fork_holder(tree, "enough", "null");
        g_autofree char *expected = g_strdup_printf("%d enough /dev/null;", (int)pid);
        assert_holders(tree, &null_node, 1, 42, expected);
        end_holder(pid);
}

/* A process whose descriptors cannot be read is skipped: the survey reports it, see test-process-usage. */
static void test_refused(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autofree char *folder = temp_tree_path(tree, "proc/100/fd");
        const DeviceNode null_node = {.number = makedev(1, 3)};
        Holder holder;

        temp_tree_link(tree, "/dev/null", "proc/100/fd/0");
        temp_tree_file(tree, "hidden\n", "proc/100/comm");
        temp_tree_file(tree, "100 (hid) Z den) S 1 100 100\n", "proc/100/stat");
        temp_tree_link(tree, "/dev/null", "proc/200/fd/0");
        temp_tree_link(tree, "/dev/vfio/25", "proc/200/fd/1");
        temp_tree_file(tree, "shown\n", "proc/200/comm");
        g_assert_cmpint(chmod(folder, 0700), ==, 0);

        g_assert_cmpint(seteuid(65534), ==, 0);
        assert_holders(tree, &null_node, 1, 0, "200 shown /dev/null;");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 26, &holder), ==, -ENOENT);
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, 200);
        g_assert_cmpint(seteuid(0), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/holders/found", test_found);
        g_test_add_func("/holders/elsewhere", test_elsewhere);
        g_test_add_func("/holders/odd-name", test_odd_name);
        g_test_add_func("/holders/nodes", test_nodes);
        g_test_add_func("/holders/visitor-stops", test_visitor_stops);
        g_test_add_func("/holders/refused", test_refused);
        return g_test_run();
}
