/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/processes.h"
#include "uses.h"

/* Which processes a survey examines. */

#define PID 5000100

static size_t count_processes(TempTree *tree, const char *status) {
        _cleanup_(process_table_done) ProcessTable table = {};

        temp_tree_file(tree, status, "proc/%d/status", PID);
        g_assert_cmpint(process_table_read(tree->kernel, &usage_limits, &table), ==, 0);
        g_assert_false(table.is_cut);
        return table.n_processes;
}

/* Threads of the kernel have no files open. A helper program of the kernel has the same parent, but memory of its own. A process that
 * ends has no memory any more, but it may still have files open. */
static void test_kernel_thread(void) {
        g_autoptr(Bed) bed = bed_new();

        put_process(bed->tree, PID, "x", 1, "");
        g_assert_cmpuint(count_processes(bed->tree, "Name:\tkworker\nState:\tI (idle)\nPPid:\t2\n"), ==, 0);
        g_assert_cmpuint(count_processes(bed->tree, "Name:\tmodprobe\nState:\tR\nPPid:\t2\nVmSize:\t80 kB\n"), ==, 1);
        g_assert_cmpuint(count_processes(bed->tree, "Name:\tqemu\nState:\tD (disk sleep)\nPPid:\t21\n"), ==, 1);
        g_assert_cmpuint(count_processes(bed->tree, ""), ==, 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/processes/kernel-thread", test_kernel_thread);
        return g_test_run();
}
