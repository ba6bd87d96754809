/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "temp-tree.h"
#include "usage/vfio-holders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The check of cdevs with the numbers of /dev/null and /dev/zero, the group's node with that of /dev/random, and processes that are plain folders. Only a
 * kernel returns EBUSY for the group's node: see the tests with the fake kernel. */

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define GROUP 25

typedef struct Bed {
        TempTree *tree;
        PciAddress members[2];
        Problem problem;
        int node_fd;
} Bed;

/* Makes /dev/vfio/25. */
static void put_node(Bed *bed, dev_t number) {
        g_autofree char *path = temp_tree_path(bed->tree, "dev/vfio/%d", GROUP);

        (void)unlink(path);
        g_assert_cmpint(mknod(path, S_IFCHR | 0666, number), ==, 0);
}

static Bed *bed_new(void) {
        static const char *const addresses[] = {PORT1, PORT2}, *const numbers[] = {"1:3\n", "1:5\n"};
        Bed *bed = g_new0(Bed, 1);

        bed->tree = temp_tree_new();
        bed->node_fd = -EBADF;
        temp_tree_file(bed->tree, "1:8\n", "sys/class/vfio/%d/dev", GROUP);
        put_node(bed, makedev(1, 8));
        for (unsigned i = 0; i < 2; i++) {
                g_autofree char *path = g_strdup_printf("pci0000:00/%s", addresses[i]);

                temp_tree_device(bed->tree, path);
                temp_tree_file(bed->tree, numbers[i], "sys/bus/pci/devices/%s/vfio-dev/vfio%u/dev", addresses[i], i);
                g_assert_cmpint(pci_address_parse(addresses[i], &bed->members[i]), ==, 0);
        }
        return bed;
}

static void bed_free(Bed *bed) {
        (void)safe_close(bed->node_fd);
        problem_done(&bed->problem);
        temp_tree_free(bed->tree);
        g_free(bed);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bed, bed_free)

static void add_process(Bed *bed, int pid, const char *command, const char *node) {
        g_autofree char *line = g_strdup_printf("%s\n", command), *stat = g_strdup_printf("%d (x) S 1\n", pid);

        temp_tree_file(bed->tree, line, "proc/%d/comm", pid);
        temp_tree_file(bed->tree, stat, "proc/%d/stat", pid);
        temp_tree_link(bed->tree, "/dev/urandom", "proc/%d/fd/0", pid);
        temp_tree_link(bed->tree, node, "proc/%d/fd/1", pid);
}

/* Checks with and without the group's node; the result includes the descriptor of the node. */
static void expect(Bed *bed, Outcome expected, const char *message) {
        const Kernel *kernel = bed->tree->kernel;

        bed->node_fd = safe_close(bed->node_fd);
        g_assert_cmpint(vfio_check_cdevs_unheld(kernel, 0, bed->members, 2, &bed->problem), ==, expected);
        if (message)
                g_assert_cmpstr(bed->problem.message, ==, message);
        g_assert_cmpint(vfio_check_unheld(kernel, 0, GROUP, bed->members, 2, &bed->node_fd, &bed->problem), ==,
                        expected);
        if (message)
                g_assert_cmpstr(bed->problem.message, ==, message);
        g_assert_true(expected == OUTCOME_DONE ? bed->node_fd >= 0 : bed->node_fd == -EBADF);
}

static void expect_evidence(Bed *bed, const char *address, const char *expected) {
        VfioHolder found;

        int r = vfio_find_holder(bed->tree->kernel, 0, GROUP, bed->members, 2, 0, &found);
        g_assert_cmpint(r, ==, expected ? 1 : 0);
        if (!expected)
                return;
        g_assert_cmpstr(found.evidence, ==, expected);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(found.address), ==, address);
}

static void test_free(void) {
        g_autoptr(Bed) bed = bed_new();

        add_process(bed, 100, "other", "/dev/full");
        expect(bed, OUTCOME_DONE, NULL);
        expect_evidence(bed, NULL, NULL);

        /* A node that the caller has open is kept, and is not opened again. */
        int before = bed->node_fd;
        temp_tree_remove(bed->tree, "dev/vfio");
        g_assert_cmpint(vfio_check_unheld(bed->tree->kernel, 0, GROUP, bed->members, 2, &bed->node_fd, &bed->problem),
                        ==, 0);
        g_assert_cmpint(bed->node_fd, ==, before);

        /* Without a group or a node, only the cdevs count. */
        bed->node_fd = safe_close(bed->node_fd);
        temp_tree_remove(bed->tree, "sys/class/vfio");
        for (int group = -1; group <= GROUP; group += GROUP + 1) {
                g_assert_cmpint(vfio_check_unheld(bed->tree->kernel, 0, group, bed->members, 2, &bed->node_fd,
                                                &bed->problem),
                                ==, 0);
                g_assert_cmpint(bed->node_fd, <, 0);
        }
        g_assert_cmpint(vfio_check_cdevs_unheld(bed->tree->kernel, 0, NULL, 0, &bed->problem), ==, 0);
}

static void test_held(void) {
        g_autoptr(Bed) bed = bed_new();

        add_process(bed, 100, "other", "/dev/full");
        add_process(bed, 200, "qemu", "/dev/zero");
        expect(bed, OUTCOME_HELD,
                        "/dev/vfio/devices/vfio1 of " PORT2 " is held by process 200 (qemu): end it, or take the "
                        "device out of it, first.");
        expect_evidence(bed, PORT2, "/dev/vfio/devices/vfio1 of " PORT2 " is held by process 200 (qemu)");

        /* The holder of the group's node is named first. */
        g_autofree char *node = temp_tree_path(bed->tree, "dev/vfio/%d", GROUP);
        add_process(bed, 300, "sleep", node);
        expect_evidence(bed, PORT1, "/dev/vfio/25 is held by process 300 (sleep)");

        /* Removed with its card, and removed alone. */
        temp_tree_unplug(bed->tree, PORT2);
        expect(bed, OUTCOME_DONE, NULL);
}

/* A process that cannot be examined could have it open: it counts, but a process that has it open is named first. */
static void test_hidden(void) {
        g_autoptr(Bed) bed = bed_new();

        add_process(bed, 100, "secret", "/dev/full");
        g_autofree char *folder = temp_tree_path(bed->tree, "proc/100/fd");
        g_assert_cmpint(chmod(folder, 0700), ==, 0);
        g_assert_cmpint(seteuid(65534), ==, 0);
        expect(bed, OUTCOME_HELD,
                        "vfiod may not examine process 100 (secret), which could have /dev/vfio/devices/vfio0 of " PORT1
                        " open: end it first, or give vfiod-census the capability CAP_SYS_PTRACE.");
        expect_evidence(bed, PORT1,
                        "vfiod may not examine process 100 (secret), which could have /dev/vfio/devices/vfio0 of " PORT1
                        " open");
        g_assert_cmpint(seteuid(0), ==, 0);
        add_process(bed, 200, "qemu", "/dev/null");
        g_assert_cmpint(seteuid(65534), ==, 0);
        expect(bed, OUTCOME_HELD,
                        "/dev/vfio/devices/vfio0 of " PORT1 " is held by process 200 (qemu): end it, or take the "
                        "device out of it, first.");
        g_assert_cmpint(seteuid(0), ==, 0);

        /* If no member has a cdev, the process cannot have one open. */
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT1 "/vfio-dev");
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT2 "/vfio-dev");
        g_assert_cmpint(seteuid(65534), ==, 0);
        expect(bed, OUTCOME_DONE, NULL);
        g_assert_cmpint(seteuid(0), ==, 0);
}

/* vfiod cannot open the node of a group without an IOMMU, so its holders decide. */
static void test_no_iommu(void) {
        g_autoptr(Bed) bed = bed_new();

        for (unsigned i = 0; i < 2; i++) {
                const char *address = PCI_ADDRESS_TEXT(bed->members[i]);

                temp_tree_remove(bed->tree, "sys/bus/pci/devices/%s/vfio-dev", address);
                temp_tree_driver(bed->tree, address, "vfio-pci");
                temp_tree_group(bed->tree, address, GROUP);
        }
        temp_tree_file(bed->tree, "vfio-noiommu\n", "sys/kernel/iommu_groups/%d/name", GROUP);
        temp_tree_remove(bed->tree, "dev/vfio/%d", GROUP);
        temp_tree_file(bed->tree, "1:7\n", "sys/class/vfio/noiommu-%d/dev", GROUP);
        /* Opening it would fail. */
        temp_tree_link(bed->tree, "nowhere", "dev/vfio/noiommu-%d", GROUP);
        add_process(bed, 100, "other", "/dev/null");
        g_assert_cmpint(vfio_check_unheld(bed->tree->kernel, 0, GROUP, bed->members, 2, &bed->node_fd, &bed->problem),
                        ==, 0);
        g_assert_cmpint(bed->node_fd, ==, -EBADF);

        add_process(bed, 200, "dpdk-testpmd", "/dev/full");
        expect(bed, OUTCOME_HELD,
                        "/dev/vfio/noiommu-25 of " PORT1 " is held by process 200 (dpdk-testpmd): end it, or take the "
                        "device out of it, first.");
        expect_evidence(bed, PORT1, "/dev/vfio/noiommu-25 is held by process 200 (dpdk-testpmd)");
        /* With a card that has an IOMMU, it is another node. */
        temp_tree_remove(bed->tree, "sys/kernel/iommu_groups/%d/name", GROUP);
        put_node(bed, makedev(1, 8));
        temp_tree_remove(bed->tree, "dev/vfio/noiommu-%d", GROUP);
        expect(bed, OUTCOME_DONE, NULL);
        /* A number that cannot be read. */
        temp_tree_file(bed->tree, "vfio-noiommu\n", "sys/kernel/iommu_groups/%d/name", GROUP);
        temp_tree_file(bed->tree, "x\n", "sys/class/vfio/noiommu-%d/dev", GROUP);
        expect(bed, OUTCOME_FAILED, NULL);
}

/* If it cannot be determined, it counts as held. */
static void test_unreadable(void) {
        g_autoptr(Bed) bed = bed_new();

        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" PORT2 "/vfio-dev/vfio7");
        expect(bed, OUTCOME_FAILED, NULL);
        g_assert_nonnull(strstr(bed->problem.message, PORT2));
        g_assert_nonnull(strstr(bed->problem.message, "vfio-dev"));
        VfioHolder found;
        g_assert_cmpint(vfio_find_holder(bed->tree->kernel, 0, GROUP, bed->members, 2, 0, &found), ==, 1);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(found.address), ==, PORT2);

        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT2 "/vfio-dev/vfio7");
        expect(bed, OUTCOME_DONE, NULL);
        int proc_fd = bed->tree->kernel->proc_fd;
        bed->tree->kernel->proc_fd = -EBADF;
        expect(bed, OUTCOME_FAILED, NULL);
        bed->tree->kernel->proc_fd = proc_fd;
}

/* The file at /dev/vfio/25 is not the kernel's node, or there is none. Whether it can be opened says nothing: the holders of
 * the kernel's number count. */
static void test_wrong_node(void) {
        g_autoptr(Bed) bed = bed_new();
        const Kernel *kernel = bed->tree->kernel;

        temp_tree_group(bed->tree, PORT1, GROUP);
        add_process(bed, 100, "other", "/dev/full");
        for (unsigned i = 0; i < 2; i++) {
                if (i == 0)
                        put_node(bed, makedev(1, 7));
                else
                        temp_tree_remove(bed->tree, "dev/vfio/%d", GROUP);
                g_assert_cmpint(vfio_check_unheld(kernel, 0, GROUP, bed->members, 2, &bed->node_fd, &bed->problem), ==,
                                0);
                g_assert_cmpint(bed->node_fd, ==, -EBADF);
                expect_evidence(bed, NULL, NULL);

                add_process(bed, 200, "qemu", "/dev/random");
                expect(bed, OUTCOME_HELD,
                                "/dev/vfio/25 of " PORT1
                                " is held by process 200 (qemu): end it, or take the device out "
                                "of it, first.");
                expect_evidence(bed, PORT1, "/dev/vfio/25 is held by process 200 (qemu)");
                temp_tree_remove(bed->tree, "proc/200");
        }

        /* A process that vfiod may not examine could have it open. */
        g_autofree char *folder = temp_tree_path(bed->tree, "proc/100/fd");
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT1 "/vfio-dev");
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT2 "/vfio-dev");
        g_assert_cmpint(chmod(folder, 0700), ==, 0);
        g_assert_cmpint(seteuid(65534), ==, 0);
        expect(bed, OUTCOME_HELD, NULL);
        g_assert_cmpint(seteuid(0), ==, 0);
        put_node(bed, makedev(1, 8));
        g_assert_cmpint(seteuid(65534), ==, 0);
        expect(bed, OUTCOME_DONE, NULL);
        g_assert_cmpint(seteuid(0), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        temp_tree_permit_devices();
        g_test_add_func("/vfio-holders/free", test_free);
        g_test_add_func("/vfio-holders/held", test_held);
        g_test_add_func("/vfio-holders/hidden", test_hidden);
        g_test_add_func("/vfio-holders/no-iommu", test_no_iommu);
        g_test_add_func("/vfio-holders/unreadable", test_unreadable);
        g_test_add_func("/vfio-holders/wrong-node", test_wrong_node);
        return g_test_run();
}
