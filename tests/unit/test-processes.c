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

static const Process *find_process(const ProcessTable *table, pid_t pid) {
        for (size_t i = 0; i < table->n_processes; i++)
                if (table->processes[i].pid == pid)
                        return &table->processes[i];
        g_error("process %d is not in the table", (int)pid);
}

/* A process of another user namespace comes last. A process of root that sees the mounts of the host does not: only root can make such
 * a process. */
static void test_user_namespace(void) {
        _cleanup_(process_table_done) ProcessTable table = {}, blind = {};
        g_autoptr(Bed) bed = bed_new();
        static const struct {
                unsigned mounts, user, user_namespace;
                ProcessRank rank;
        } cases[] = {
                        {1, 0, 1, PROCESS_OF_ROOT},
                        {1, 0, 2, PROCESS_OF_ROOT},
                        {2, 0, 1, PROCESS_OF_ROOT},
                        {2, 0, 2, PROCESS_OF_OTHER_NAMESPACE},
                        {1, 1000, 1, PROCESS_OF_USER},
                        {1, 1000, 2, PROCESS_OF_OTHER_NAMESPACE},
                        {2, 1000, 2, PROCESS_OF_OTHER_NAMESPACE},
        };

        put_process(bed->tree, 1, "systemd", 1, "");
        put_owner(bed->tree, 1, 0, 1);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                put_process(bed->tree, PID + (int)i, "x", cases[i].mounts, "");
                put_owner(bed->tree, PID + (int)i, cases[i].user, cases[i].user_namespace);
        }
        /* Whose process it is cannot be read. */
        put_process(bed->tree, PID - 1, "x", 1, "");
        put_owner(bed->tree, PID - 1, 0, 2);
        temp_tree_file(bed->tree, "", "proc/%d/status", PID - 1);
        g_assert_cmpint(process_table_read(bed->tree->kernel, &usage_limits, &table), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(find_process(&table, PID + (int)i)->rank, ==, cases[i].rank);
        g_assert_cmpint(find_process(&table, PID - 1)->rank, ==, PROCESS_OF_OTHER_NAMESPACE);
        /* The descriptors of root are not counted. */
        g_assert_cmpuint(find_process(&table, PID + 1)->n_descriptors, ==, 0);
        g_assert_cmpuint(find_process(&table, PID + 4)->n_descriptors, >, 0);

        /* If the mounts of the host are not known, the user namespace decides. */
        temp_tree_remove(bed->tree, "proc/1/ns/mnt");
        g_assert_cmpint(process_table_read(bed->tree->kernel, &usage_limits, &blind), ==, 0);
        g_assert_cmpint(find_process(&blind, PID)->rank, ==, PROCESS_OF_ROOT);
        g_assert_cmpint(find_process(&blind, PID + 1)->rank, ==, PROCESS_OF_OTHER_NAMESPACE);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/processes/kernel-thread", test_kernel_thread);
        g_test_add_func("/processes/user-namespace", test_user_namespace);
        return g_test_run();
}
