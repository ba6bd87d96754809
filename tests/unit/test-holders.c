/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "temp-tree.h"
#include "usage/census.h"

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
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, 0, &holder), ==, -ENOENT);
        g_assert_cmpint(holder.pid, ==, 0);
        pid_t pid = fork_holder(tree, "qemu-system-x86", "dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, 0, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, pid);
        g_assert_cmpstr(holder.command, ==, "qemu-system-x86");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 5, 0, &holder), ==, -ENOENT);
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 125, 0, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, other);

        end_holder(pid);
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, 0, &holder), ==, -ENOENT);
        end_holder(other);
}

/* A sandboxed VM has it open under another path. */
static void test_elsewhere(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_file(tree, "", "sandbox/dev/vfio/25");
        pid_t pid = fork_holder(tree, "vm", "sandbox/dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, 0, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, pid);
        end_holder(pid);
}

/* The name is kept unchanged, and escaped for logs and terminals. */
static void test_odd_name(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_file(tree, "", "dev/vfio/25");
        pid_t pid = fork_holder(tree, "a\nb\033[2Jc\xe9", "dev/vfio/25");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, 0, &holder), ==, 0);
        g_assert_cmpstr(holder.command, ==, "a\nb\033[2Jc\xe9");
        g_autofree char *expected = g_strdup_printf("process %d (a\\x0ab\\x1b[2Jc\\xe9)", (int)pid);
        g_assert_true(g_str_has_prefix(HOLDER_TEXT(&holder), expected));
        end_holder(pid);
}

/* The holders of the nodes, as text; and how many more there are. */
static char *find_holders(TempTree *tree, const DeviceNode *nodes, size_t n_nodes, size_t names_max) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel, .names_max = names_max};
        g_autoptr(GString) text = g_string_new(NULL);
        _cleanup_(process_table_done) ProcessTable processes = {};

        /* All nodes belong to the first owner; a second owner has the last node, too. */
        for (size_t i = 0; i < n_nodes; i++) {
                g_assert_cmpint(holder_table_add_node(&table, (PciAddress){.bus = 1}, nodes[i]), ==, 0);
                table.nodes[i].owner = 0;
        }
        if (n_nodes > 0)
                g_assert_cmpint(holder_table_add_node(&table, (PciAddress){.bus = 2}, nodes[n_nodes - 1]), ==, 0);
        g_assert_cmpint(process_table_read(tree->kernel, &usage_limits, &processes), ==, 0);
        g_assert_cmpint(holder_table_walk(&table, &processes, &usage_limits), ==, 0);
        g_assert_cmpint(table.error, ==, 0);
        if (n_nodes == 0)
                return g_strdup("");
        const NodeHolders *first = holder_table_find(&table, (PciAddress){.bus = 1}),
                          *second = holder_table_find(&table, (PciAddress){.bus = 2});
        g_assert_true(first == table.owners);
        g_assert_cmpuint(second->open.n_holders, ==, first->open.n_holders);
        g_assert_null(holder_table_find(&table, (PciAddress){.bus = 3}));
        for (size_t i = 0; i < first->open.n_holders; i++) {
                const NamedHolder *named = &first->open.holders[i];

                g_string_append_printf(text, "%d %s %s;", (int)named->holder.pid, named->holder.command, named->node);
        }
        if (first->open.n_more > 0)
                g_string_append_printf(text, "%zu more", first->open.n_more);
        return g_strdup(text->str);
}

static void assert_holders(TempTree *tree, const DeviceNode *nodes, size_t n_nodes, const char *expected) {
        g_autofree char *text = find_holders(tree, nodes, n_nodes, 10);
        g_assert_cmpstr(text, ==, expected);
}

/* Real processes, each reported once, with the first of its nodes that is found. */
static void test_nodes(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        const DeviceNode nodes[] = {{.number = makedev(1, 5)}, {.number = makedev(1, 3)}};
        const DeviceNode others[] = {{.number = makedev(1, 5), .block = true}, {.number = makedev(3, 1)}};

        temp_tree_link(tree, "/dev/null", "null");
        pid_t pid = fork_holder(tree, "holder", "null");
        g_autofree char *expected = g_strdup_printf("%d holder /dev/null;", (int)pid);

        assert_holders(tree, nodes, 2, expected);
        assert_holders(tree, others, 2, "");
        assert_holders(tree, NULL, 0, "");
        end_holder(pid);
        assert_holders(tree, nodes, 2, "");
}

/* Opens /dev/zero's node in a process of its own, in a directory whose path the kernel does not tell; and removes the node and the path again. */
static pid_t fork_deep_holder(TempTree *tree) {
        g_autofree char *name = g_strnfill(250, 'd'), *top = temp_tree_path(tree, "proc");
        int ends[2];
        char ready;

        g_assert_cmpint(pipe(ends), ==, 0);
        pid_t pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                bool is_ok = prctl(PR_SET_PDEATHSIG, SIGKILL) >= 0 && prctl(PR_SET_NAME, "deep") >= 0 &&
                                chdir(top) >= 0;

                for (unsigned i = 0; i < 20 && is_ok; i++)
                        is_ok = mkdir(name, 0700) >= 0 && chdir(name) >= 0;
                is_ok = is_ok && mknod("n", S_IFCHR | 0600, makedev(1, 5)) >= 0 && open("n", O_RDONLY) >= 0;
                is_ok = unlink("n") >= 0 && is_ok;
                for (unsigned i = 0; i < 20; i++)
                        is_ok = chdir("..") >= 0 && rmdir(name) >= 0 && is_ok;
                if (is_ok && write(ends[1], "r", 1) == 1)
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

static void test_long_path(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        const DeviceNode zero_node = {.number = makedev(1, 5)};

        temp_tree_folder(tree, "proc");
        pid_t pid = fork_deep_holder(tree);
        g_autofree char *expected = g_strdup_printf("%d deep (a path that is too long);", (int)pid);
        assert_holders(tree, &zero_node, 1, expected);
        end_holder(pid);
}

/* Processes beyond the limit are counted. */
static void test_many(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        const DeviceNode null_node = {.number = makedev(1, 3)};

        for (int pid = 5000100; pid < 5000107; pid++) {
                temp_tree_file(tree, "x\n", "proc/%d/comm", pid);
                temp_tree_link(tree, "/dev/null", "proc/%d/fd/0", pid);
                temp_tree_link(tree, "/dev/null", "proc/%d/fd/1", pid);
        }
        g_autofree char *text = find_holders(tree, &null_node, 1, 2);
        g_assert_cmpstr(text, ==, "5000100 x /dev/null;5000101 x /dev/null;5 more");
}

static void assert_open(const HolderTable *table, size_t owner, const pid_t *pids, size_t n, size_t n_more) {
        const HolderList *list = &table->owners[owner].open;

        g_assert_cmpuint(list->n_holders, ==, n);
        for (size_t i = 0; i < n; i++)
                g_assert_cmpint(list->holders[i].holder.pid, ==, pids[i]);
        g_assert_cmpuint(list->n_more, ==, n_more);
}

static void walk(TempTree *tree, HolderTable *table) {
        _cleanup_(process_table_done) ProcessTable processes = {};

        g_assert_cmpint(process_table_read(tree->kernel, &usage_limits, &processes), ==, 0);
        g_assert_cmpint(holder_table_walk(table, &processes, &usage_limits), ==, 0);
        g_assert_cmpint(table->error, ==, 0);
}

/* One walk finds the holders of many groups, whose nodes have no number, and of a socket. */
static void test_groups(void) {
        static const int groups[] = {125, 25, 5, 2147483647};
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_(holder_table_done) HolderTable table = {.kernel = tree->kernel, .names_max = 10};

        temp_tree_folder(tree, "sys/kernel/iommu_groups");
        for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
                g_assert_cmpint(holder_table_add_group(&table, groups[i]), ==, 0);
        g_assert_cmpint(holder_table_add_socket(&table, "77"), ==, 0);
        g_assert_cmpint(holder_table_add_group(&table, 25), ==, 0);

        temp_tree_link(tree, "/dev/vfio/25", "proc/5000100/fd/0");
        temp_tree_link(tree, "/sandbox/vfio/2147483647", "proc/5000100/fd/1");
        temp_tree_link(tree, "/vfio/125", "proc/5000101/fd/0");
        temp_tree_link(tree, "socket:[77]", "proc/5000101/fd/1");
        temp_tree_link(tree, "/dev/vfio/25", "proc/5000102/fd/0");
        /* Not these nodes. */
        temp_tree_link(tree, "/dev/vfio/", "proc/5000103/fd/0");
        temp_tree_link(tree, "/dev/xvfio/25", "proc/5000103/fd/1");
        temp_tree_link(tree, "vfio/5", "proc/5000103/fd/2");
        temp_tree_link(tree, "/dev/vfio/25/", "proc/5000103/fd/3");
        temp_tree_link(tree, "/tmp/socket:[77]", "proc/5000103/fd/4");
        temp_tree_link(tree, "socket:[77]x", "proc/5000103/fd/5");
        temp_tree_link(tree, "/dev/vfio/5555555555555555555555555555555555555", "proc/5000103/fd/6");
        temp_tree_link(tree, "5", "proc/5000103/fd/7");

        walk(tree, &table);
        assert_open(&table, 0, (pid_t[]){5000101}, 1, 0);
        assert_open(&table, 1, (pid_t[]){5000100, 5000102}, 2, 0);
        assert_open(&table, 2, NULL, 0, 0);
        assert_open(&table, 3, (pid_t[]){5000100}, 1, 0);
        assert_open(&table, 4, (pid_t[]){5000101}, 1, 0);
        assert_open(&table, 5, (pid_t[]){5000100, 5000102}, 2, 0);
}

/* Beyond the limit for all lists, a list has only its first holder, and the others are counted. */
static void test_names_total(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        _cleanup_(holder_table_done)
                        HolderTable table = {.kernel = tree->kernel, .names_max = 10, .names_total_max = 3};

        for (int group = 0; group < 3; group++)
                g_assert_cmpint(holder_table_add_group(&table, group), ==, 0);
        for (int pid = 5000100; pid < 5000104; pid++) {
                temp_tree_link(tree, "/dev/vfio/0", "proc/%d/fd/0", pid);
                temp_tree_link(tree, "/dev/vfio/1", "proc/%d/fd/1", pid);
        }
        temp_tree_link(tree, "/dev/vfio/2", "proc/5000103/fd/2");
        walk(tree, &table);
        g_assert_cmpuint(table.n_names, ==, 4);
        g_assert_cmpuint(table.owners[0].open.n_holders + table.owners[1].open.n_holders, ==, 3);
        g_assert_cmpuint(table.owners[0].open.n_more + table.owners[1].open.n_more, ==, 5);
        assert_open(&table, 2, (pid_t[]){5000103}, 1, 0);
}

/* The nodes of a device, and a device without nodes or that is gone. */
static void test_device(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Holder holder;

        temp_tree_device(tree, "pci0000:00/0000:03:00.0");
        temp_tree_link(tree, "/dev/null", "proc/5000100/fd/0");
        g_assert_cmpint(holder_of_device(tree->kernel, (PciAddress){.bus = 3}, &holder), ==, -ENOENT);
        g_assert_cmpint(holder_of_device(tree->kernel, (PciAddress){.bus = 4}, &holder), ==, -ENOENT);
        temp_tree_file(tree, "1:3\n", "sys/bus/pci/devices/0000:03:00.0/uio/uio0/dev");
        g_assert_cmpint(holder_of_device(tree->kernel, (PciAddress){.bus = 3}, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, 5000100);
        temp_tree_file(tree, "x\n", "sys/bus/pci/devices/0000:03:00.0/uio/uio0/dev");
        g_assert_cmpint(holder_of_device(tree->kernel, (PciAddress){.bus = 3}, &holder), ==, -EINVAL);
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
        assert_holders(tree, &null_node, 1, "200 shown /dev/null;");
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 26, 0, &holder), ==, -ENOENT);
        g_assert_cmpint(holder_of_vfio_node(tree->kernel, 25, 0, &holder), ==, 0);
        g_assert_cmpint(holder.pid, ==, 200);
        g_assert_cmpint(seteuid(0), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/holders/found", test_found);
        g_test_add_func("/holders/elsewhere", test_elsewhere);
        g_test_add_func("/holders/odd-name", test_odd_name);
        g_test_add_func("/holders/nodes", test_nodes);
        g_test_add_func("/holders/long-path", test_long_path);
        g_test_add_func("/holders/many", test_many);
        g_test_add_func("/holders/groups", test_groups);
        g_test_add_func("/holders/names-total", test_names_total);
        g_test_add_func("/holders/device", test_device);
        g_test_add_func("/holders/refused", test_refused);
        return g_test_run();
}
