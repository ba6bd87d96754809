/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/holders.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* A real process that calls itself so and has a file open; the tree's proc/ shows it. */
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
        /* What else is in /proc. */
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

/* A sandboxed VM has it under another path. */
static void test_elsewhere(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_file(tree, "", "sandbox/dev/vfio/25");
        pid_t pid = fork_holder(tree, "vm", "sandbox/dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, pid);
        end_holder(pid);
}

/* The name goes to logs and terminals. */
static void test_wild_name(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_file(tree, "", "dev/vfio/25");
        pid_t pid = fork_holder(tree, "a\nb\033[2Jc", "dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, &holder), ==, 0);
        for (const char *c = holder.command; *c; c++)
                g_assert_false(g_ascii_iscntrl(*c));
        end_holder(pid);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/holders/found", test_found);
        g_test_add_func("/holders/elsewhere", test_elsewhere);
        g_test_add_func("/holders/wild-name", test_wild_name);
        return g_test_run();
}
