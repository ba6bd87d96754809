/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "kernel/iommu.h"
#include "kernel/modules.h"
#include "kernel/sysfs.h"
#include "kernel/uevents.h"
#include "model.h"
#include "temp-tree.h"
#include "usage/block-users.h"
#include "usage/processes.h"

/* The input is the contents of each file of the kernel that the daemon parses. All are links to one file. */

#define GROUPS_MAX 4

static const char *const files[] = {"proc/cmdline", "proc/swaps", "proc/1/status", "proc/1/stat", "proc/1/comm",
                "sys/kernel/iommu_groups/1/reserved_regions", "sys/kernel/security/lockdown", "udev/+pci:0000:03:00.0"};

static TempTree *tree;
static char *udev_folder;
static int file_fd;

static void make_host(void) {
        tree = temp_tree_new();
        udev_folder = temp_tree_path(tree, "udev");
        g_autofree char *file = temp_tree_path(tree, "file");
        file_fd = fuzz_file_open(file);
        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *path = temp_tree_path(tree, "%s", files[i]), *parent = g_path_get_dirname(path);

                g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
                g_assert_cmpint(link(file, path), ==, 0);
        }
}

static void check_iommu(void) {
        IommuReport report;

        iommu_examine(tree->kernel, &report);
        fuzz_assert_message(report.reason);
        int r = iommu_group_has_firmware_mapping(tree->kernel, 1);
        g_assert_true(r == 0 || r == 1 || r == -ENAMETOOLONG);
}

static void check_processes(void) {
        _cleanup_(process_table_done) ProcessTable processes = {};
        char command[PROCESS_COMMAND_MAX];
        gid_t groups[GROUPS_MAX];

        g_assert_cmpint(process_table_read(tree->kernel, &usage_limits, &processes), ==, 0);
        g_assert_cmpuint(processes.n_processes, <=, 1);
        (void)process_has_ended(tree->kernel, 1);
        int n = process_read_groups(tree->kernel, 1, groups, GROUPS_MAX);
        g_assert_true((n >= 0 && n <= GROUPS_MAX) || n == -EOVERFLOW);
        g_assert_cmpuint(strlen(process_read_command(tree->kernel, 1, command)), <, sizeof(command));
}

static void check_swaps(void) {
        BlockUsers users;

        g_assert_cmpint(block_users_read(tree->kernel, &users), ==, 0);
        g_assert_cmpint(users.errors[BLOCK_USER_SWAP], ==, 0);
        for (size_t i = 0; i < users.n_users; i++)
                g_assert_true(users.users[i].node && users.users[i].name);
        block_users_done(&users);
}

static void check_numbers(void) {
        char mode[LOCKDOWN_MAX];
        long number;

        if (lockdown_read(tree->kernel, mode))
                g_assert_true(strlen(mode) < sizeof(mode) && !streq(mode, "none"));
        if (sysfs_read_number(tree->kernel->proc_fd, "cmdline", -7, 0x1000, &number) >= 0)
                g_assert_true(number >= -7 && number <= 0x1000);
        (void)udev_database_has(udev_folder, address_of("0000:03:00.0"), 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!tree)
                make_host();
        fuzz_file_write(file_fd, data, size);
        check_iommu();
        check_processes();
        check_swaps();
        check_numbers();
        return 0;
}
