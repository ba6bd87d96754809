/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#include <fcntl.h>
#include <sys/resource.h>

/* Folders that cannot be listed. */

#define VMD "0000:00:0e.0"
#define DRIVE "10000:01:00.0"

/* Reads the functions of a snapshot while this process can open only so many further files. The folder of the device is open, as
 * work_open() has it. */
static void read_with_files(UsageSnapshot *snapshot, const PciIds *ids, unsigned n_files) {
        SnapshotDevice *device = &snapshot->devices[0];
        const FunctionList *list;
        struct rlimit before;

        device->fd = pci_device_open(snapshot->kernel, device->address);
        device->ids = ids;
        device->driver = "";
        int next_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        g_assert_cmpint(MIN(device->fd, next_fd), >=, 0);
        g_assert_cmpint(close(next_fd), ==, 0);
        g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
        const struct rlimit few = {(rlim_t)next_fd + n_files, before.rlim_max};
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
        int r = usage_snapshot_functions(snapshot, &list);
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpint(close(device->fd), ==, 0);
}

/* The folder of the device, or one below it, cannot be listed. So the drive of the controller, whose disk is mounted, is not in the
 * list. In the first case, nobody knows that the device is a display, either. */
static void test_unlisted(void) {
        const PciAddress vmd = {.slot = 0x0e};
        const PciIds ids = {.vendor = 0x8086, .class = 0x010400};
        g_autoptr(Bed) bed = bed_new();

        temp_tree_device(bed->tree, "pci0000:00/" VMD);
        temp_tree_device(bed->tree, "pci0000:00/" VMD "/pci10000:00/10000:00:02.0");
        temp_tree_device(bed->tree, "pci0000:00/" VMD "/pci10000:00/10000:00:02.0/" DRIVE);
        put_block(bed->tree, "pci0000:00/" VMD "/pci10000:00/10000:00:02.0/" DRIVE "/nvme/nvme0/nvme0n1", "259:0");
        put_process(bed->tree, 5000001, "systemd", 1, "27 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
        temp_tree_attribute(bed->tree, VMD, "boot_vga", "1");
        for (unsigned n_files = 0; n_files < 2; n_files++) {
                _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot =
                                snapshot_take(bed->tree->kernel, VMD, NULL, bed->uses);

                read_with_files(snapshot, &ids, n_files);
                g_assert_cmpint(usage_of_device(snapshot, vmd), ==, 0);
                if (n_files == 1)
                        assert_uses(bed->uses, "storage: " VMD " cannot be examined: Too many open files",
                                        "network: " VMD " cannot be examined: Too many open files",
                                        "display: " VMD " is the display that the host was started with",
                                        "display: " VMD " cannot be examined: Too many open files",
                                        "child: " VMD " cannot be examined: Too many open files",
                                        "process: " VMD " cannot be examined: Too many open files", NULL);
                else
                        assert_uses(bed->uses, "storage: " VMD " cannot be examined: Too many open files",
                                        "network: " VMD " cannot be examined: Too many open files",
                                        "display: " VMD " cannot be examined: Too many open files",
                                        "child: " VMD " cannot be examined: Too many open files",
                                        "process: " VMD " cannot be examined: Too many open files", NULL);
        }
        _cleanup_(usage_snapshot_freep) UsageSnapshot *whole = snapshot_take(bed->tree->kernel, VMD, NULL, bed->uses);
        g_assert_cmpint(usage_of_device(whole, vmd), ==, 0);
        assert_uses(bed->uses, "storage: nvme0n1 is mounted on /",
                        "display: " VMD " is the display that the host was started with", NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/unlisted/kinds", test_unlisted);
        return g_test_run();
}
