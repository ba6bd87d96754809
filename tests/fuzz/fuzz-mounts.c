/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "temp-tree.h"
#include "usage/mounts.h"

#include <search.h>

/* The input is the mountinfo of a process: of one in the namespaces of the host, and of one in another user namespace. */

#define LINES_MAX 8

static TempTree *tree;
static int file_fd;

typedef struct Visit {
        const MountTable *table;
        size_t n;
        bool only_numbers;
} Visit;

static void visit_mount(const void *node, VISIT which, void *userdata) {
        const Mount *mount = *(Mount *const *)node;
        Visit *visit = userdata;
        unsigned major, minor;

        if (which != postorder && which != leaf)
                return;
        visit->n++;
        g_assert_true(mount_table_find(visit->table, mount->device) == mount);
        g_assert_false(isempty(mount->device));
        g_assert_nonnull(mount->target);
        if (visit->only_numbers)
                g_assert_true(sscanf(mount->device, "%u:%u", &major, &minor) == 2 && major != 0);
}

static void check(ProcessRank rank, const UsageLimits *limits) {
        Process process = {.pid = 1, .rank = rank, .mount_namespace = 1};
        ProcessTable processes = {.processes = &process, .n_processes = 1};
        MountTable table;
        /* In his own user namespace, a user can choose the source of a mount. */
        Visit visit = {.table = &table, .only_numbers = rank == PROCESS_OF_OTHER_NAMESPACE};

        g_assert_cmpint(mount_table_read(tree->kernel, &processes, limits, &table), ==, 0);
        twalk_r(table.mounts, visit_mount, &visit);
        g_assert_cmpuint(table.n_mounts, ==, visit.n);
        g_assert_true(visit.n <= table.n_lines || !visit.only_numbers);
        g_assert_cmpuint(table.n_lines, <=, limits->mounts_of_host);
        g_assert_null(mount_table_find(&table, ""));
        (void)mount_table_find(&table, "259:2");
        (void)mount_table_find(&table, "/dev/sda1");
        mount_table_done(&table);
}

static void check_unescape(const char *text) {
        g_autofree char *copy = g_strdup(text);

        g_assert_true(mount_unescape(copy) == copy);
        g_assert_cmpuint(strlen(copy), <=, strlen(text));
        if (!strchr(text, '\\'))
                g_assert_cmpstr(copy, ==, text);
}

static void make_host(void) {
        tree = temp_tree_new();
        temp_tree_folder(tree, "proc/1");
        g_autofree char *path = temp_tree_path(tree, "proc/1/mountinfo");
        file_fd = fuzz_file_open(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const UsageLimits few = {.mounts_of_host = LINES_MAX, .mounts_of_others = LINES_MAX};
        g_autofree char *text = fuzz_text(data, size);

        if (!tree)
                make_host();
        fuzz_file_write(file_fd, data, size);
        check(PROCESS_OF_ROOT, &usage_limits);
        check(PROCESS_OF_USER, &few);
        check(PROCESS_OF_OTHER_NAMESPACE, &usage_limits);
        check_unescape(text);
        return 0;
}
