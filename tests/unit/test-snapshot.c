/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

/* A large host is read only once, however many devices are examined. The test counts reads and measures no time. */

#define HBA "0000:04:00.0"

typedef struct Counts {
        size_t processes, mounts, descriptors;
} Counts;

/* A host with this number of processes, each with two descriptors, in ten mount namespaces with this number of
 * mounts each. */
static Bed *make_host(unsigned n_processes, unsigned n_mounts) {
        g_autoptr(GString) mounts = g_string_new(NULL);
        Bed *bed = bed_new();

        bed->tree->kernel->has_own_network = true;
        for (unsigned i = 0; i < n_mounts; i++)
                g_string_append_printf(mounts, "%u 1 7:%u / /snap/%u ro - squashfs /dev/loop%u ro\n", i + 2, i, i, i);
        for (unsigned i = 0; i < n_processes; i++) {
                put_process(bed->tree, 5000001 + (int)i, "x", i % 10 + 1, i < 10 ? mounts->str : "");
                if (i >= 10) {
                        g_autofree char *target = g_strdup_printf("../%u/mountinfo", 5000001 + i % 10);

                        temp_tree_remove(bed->tree, "proc/%u/mountinfo", 5000001 + i);
                        temp_tree_link(bed->tree, target, "proc/%u/mountinfo", 5000001 + i);
                }
                for (unsigned fd = 0; fd < 2; fd++)
                        temp_tree_link(bed->tree, fd == 0 ? "/dev/null" : "socket:[1]", "proc/%u/fd/%u", 5000001 + i,
                                        fd);
        }
        return bed;
}

/* Disks on their own controllers, "0000:10:00.0" and up. */
static PciAddress *put_disks(Bed *bed, unsigned n) {
        PciAddress *addresses = g_new0(PciAddress, n);

        for (unsigned i = 0; i < n; i++) {
                g_autofree char *path = g_strdup_printf("pci0000:00/0000:%02x:00.0", i + 16),
                                *disk = g_strdup_printf("%s/nvme/nvme%u/nvme%un1", path, i, i),
                                *number = g_strdup_printf("259:%u", i);

                temp_tree_device(bed->tree, path);
                put_block(bed->tree, disk, number);
                addresses[i].bus = (uint8_t)(i + 16);
        }
        return addresses;
}

static Counts survey_disks(unsigned n_disks, unsigned n_processes, unsigned n_mounts) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_autoptr(Bed) bed = make_host(n_processes, n_mounts);
        g_autofree PciAddress *addresses = put_disks(bed, n_disks);

        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/0000:10:00.0/nvme/nvme0/ng0n1/dev");
        g_assert_cmpint(usage_snapshot_new(bed->tree->kernel, addresses, n_disks, on_use, bed->uses, &snapshot), ==, 0);
        for (unsigned i = 0; i < n_disks; i++)
                g_assert_cmpint(usage_of_device(snapshot, addresses[i]), ==, 0);
        /* Each process has a node of the first disk open. */
        g_assert_cmpuint(bed->uses->lines->len, ==, n_processes);
        return (Counts){snapshot->processes.n_processes, snapshot->mounts.n_lines, snapshot->holders.n_descriptors};
}

/* Sixteen disks on a host with 10,000 processes and 50,000 mounts. */
static void test_large(void) {
        Counts counts = survey_disks(16, 10000, 5000);

        g_assert_cmpuint(counts.processes, ==, 10000);
        g_assert_cmpuint(counts.mounts, ==, 50000);
        g_assert_cmpuint(counts.descriptors, ==, 20000);
}

/* More disks, or more processes in a namespace, cause no more reads. */
static void test_once(void) {
        Counts one = survey_disks(1, 100, 50), many = survey_disks(16, 100, 50), crowded = survey_disks(16, 200, 50);

        g_assert_cmpuint(one.mounts, ==, 500);
        g_assert_cmpuint(many.mounts, ==, one.mounts);
        g_assert_cmpuint(many.descriptors, ==, one.descriptors);
        g_assert_cmpuint(crowded.mounts, ==, one.mounts);
        g_assert_cmpuint(crowded.descriptors, ==, 2 * one.descriptors);
}

typedef struct CountingCensus {
        CensusPort port;
        unsigned n_searches, n_with_mounts;
} CountingCensus;

static int search_and_count(const CensusPort *port, HolderTable *table, MountTable *mounts) {
        CountingCensus *census = (CountingCensus *)port;

        census->n_searches++;
        census->n_with_mounts += mounts ? 1 : 0;
        return census_search_here(table, mounts);
}

/* Another process walks over all processes: it does so once, also if the first device has a node and no disk. */
static void test_census(void) {
        for (unsigned n_disks = 0; n_disks <= 2; n_disks++) {
                _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
                CountingCensus census = {.port = {.search = search_and_count}};
                g_autoptr(Bed) bed = make_host(20, 5);
                g_autofree PciAddress *disks = put_disks(bed, n_disks), *addresses = g_new0(PciAddress, n_disks + 1);

                temp_tree_device(bed->tree, "pci0000:00/" HBA);
                temp_tree_file(bed->tree, "1:5\n", "sys/bus/pci/devices/" HBA "/sound/card0/dev");
                addresses[0].bus = 4;
                for (unsigned i = 0; i < n_disks; i++)
                        addresses[i + 1] = disks[i];
                bed->tree->kernel->census = &census.port;
                g_assert_cmpint(usage_snapshot_new(bed->tree->kernel, addresses, n_disks + 1, on_use, bed->uses,
                                                &snapshot),
                                ==, 0);
                for (unsigned i = 0; i <= n_disks; i++)
                        g_assert_cmpint(usage_of_device(snapshot, addresses[i]), ==, 0);
                assert_uses(bed->uses, NULL);
                g_assert_cmpuint(census.n_searches, ==, 1);
                g_assert_cmpuint(census.n_with_mounts, ==, n_disks > 0);
                g_assert_cmpuint(snapshot->mounts.n_lines, ==, n_disks > 0 ? 50 : 0);
                g_assert_cmpuint(snapshot->holders.n_descriptors, ==, 40);
                bed->tree->kernel->census = NULL;
        }
}

/* Who asks for the mounts alone needs no descriptor. */
static void test_only_mounts(void) {
        g_autoptr(Bed) bed = make_host(20, 5);
        _cleanup_(holder_table_done) HolderTable table = {.kernel = bed->tree->kernel};
        _cleanup_(mount_table_done) MountTable mounts = {};

        g_assert_cmpint(census_search_here(&table, &mounts), ==, 0);
        g_assert_cmpuint(mounts.n_lines, ==, 50);
        g_assert_cmpuint(table.n_descriptors, ==, 0);
}

/* Changes after a part was read are not seen: all devices are judged by the same moment. */
static void test_moment(void) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_autoptr(Bed) bed = make_host(20, 5);
        g_autofree PciAddress *addresses = put_disks(bed, 2);

        temp_tree_file(bed->tree, "1:5\n", "sys/bus/pci/devices/0000:11:00.0/nvme/nvme1/ng1n1/dev");
        g_assert_cmpint(usage_snapshot_new(bed->tree->kernel, addresses, 2, on_use, bed->uses, &snapshot), ==, 0);
        g_assert_cmpint(usage_of_device(snapshot, addresses[0]), ==, 0);
        put_process(bed->tree, 7, "late", 99, "27 1 259:1 / / rw - ext4 /dev/nvme1n1 rw\n");
        temp_tree_link(bed->tree, "/dev/zero", "proc/7/fd/0");
        temp_tree_file(bed->tree, "Filename\n/dev/nvme1n1 partition 1 0 -2\n", "proc/swaps");
        g_assert_cmpint(usage_of_device(snapshot, addresses[1]), ==, 0);
        assert_uses(bed->uses, NULL);
}

/* For a device without disks no mounts are read, and for a device without nodes no descriptors. */
static void test_needed(void) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_autoptr(Bed) bed = make_host(20, 5);

        temp_tree_device(bed->tree, "pci0000:00/" HBA);
        snapshot = snapshot_take(bed->tree->kernel, HBA, NULL, bed->uses);
        g_assert_cmpint(usage_of_device(snapshot, (PciAddress){.bus = 4}), ==, 0);
        assert_uses(bed->uses, NULL);
        g_assert_false(snapshot->has_processes);
        g_assert_false(snapshot->has_mounts);
        g_assert_false(snapshot->has_network);
}

static unsigned on_hba(unsigned n_disks, unsigned n_volumes, Bed *bed, size_t *ret_examined) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;

        temp_tree_device(bed->tree, "pci0000:00/" HBA);
        for (unsigned i = 0; i < n_disks; i++) {
                g_autofree char *path = g_strdup_printf("pci0000:00/" HBA "/host0/target0/0:0:%u:0/block/sd%u", i, i),
                                *name = g_strdup_printf("sd%u", i), *number = g_strdup_printf("8:%u", i * 16);

                put_block(bed->tree, path, number);
                for (unsigned volume = 0; volume < n_volumes; volume++) {
                        g_autofree char *above = g_strdup_printf("dm-%u", volume),
                                        *above_path = g_strdup_printf("virtual/block/dm-%u", volume),
                                        *above_number = g_strdup_printf("253:%u", volume);

                        if (i == 0)
                                put_block(bed->tree, above_path, above_number);
                        put_holder(bed->tree, name, above);
                }
        }
        snapshot = snapshot_take(bed->tree->kernel, HBA, NULL, bed->uses);
        g_assert_cmpint(usage_of_device(snapshot, (PciAddress){.bus = 4}), ==, 0);
        *ret_examined = snapshot->n_blocks_examined;
        return bed->uses->lines->len;
}

/* A thousand disks, and a volume group over all of them: each volume is examined once and reported for each disk. */
static void test_hba(void) {
        g_autoptr(Bed) alone = bed_new(), together = bed_new();

        size_t n_examined;

        g_assert_cmpuint(on_hba(1000, 0, alone, &n_examined), ==, 0);
        g_assert_cmpuint(n_examined, ==, 1000);
        g_assert_cmpuint(on_hba(100, 10, together, &n_examined), ==, 100 * 10);
        g_assert_cmpuint(n_examined, ==, 100 + 10);
        for (unsigned i = 0; i < together->uses->lines->len; i++)
                g_assert_nonnull(strstr(together->uses->lines->pdata[i], " carries dm-"));
}

/* A device that is not part of the snapshot. */
static void test_not_asked(void) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_autoptr(Bed) bed = bed_new();

        temp_tree_device(bed->tree, "pci0000:00/" HBA);
        temp_tree_device(bed->tree, "pci0000:00/0000:05:00.0");
        snapshot = snapshot_take(bed->tree->kernel, "0000:05:00.0", NULL, bed->uses);
        g_assert_cmpint(usage_of_device(snapshot, (PciAddress){.bus = 4}), ==, -EINVAL);
        assert_uses(bed->uses, NULL);
}

/* After the end, nothing is read any more, and each part counts as in use. */
static void test_time(void) {
        const UsageLimits limits = {.processes = 100, .descriptors_of_root = 1000, .mounts_of_host = 1000, .end_us = 1};
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_autoptr(Bed) bed = make_host(20, 5);
        g_autofree PciAddress *addresses = put_disks(bed, 1);
        g_autofree char *address = g_strdup(PCI_ADDRESS_TEXT(addresses[0]));
        g_autofree char *late = g_strdup_printf("could not be examined in time: try again when the host is less busy");

        temp_tree_file(bed->tree, "1:5\n", "sys/bus/pci/devices/%s/nvme/nvme0/ng0n1/dev", address);
        snapshot = snapshot_take(bed->tree->kernel, address, &limits, bed->uses);
        g_assert_cmpint(usage_of_device(snapshot, addresses[0]), ==, 0);
        g_autofree char *storage = g_strdup_printf("storage: nvme0n1 %s", late),
                        *below = g_strdup_printf("storage: %s %s", address, late),
                        *network = g_strdup_printf("network: %s %s", address, late),
                        *display = g_strdup_printf("display: %s %s", address, late),
                        *console = g_strdup_printf("console: %s %s", address, late),
                        *memory = g_strdup_printf("memory: %s %s", address, late),
                        *child = g_strdup_printf("child: %s %s", address, late),
                        *process = g_strdup_printf("process: %s %s", address, late);
        assert_uses(bed->uses, storage, below, network, display, console, memory, child, process, NULL);
        g_assert_cmpuint(snapshot->n_blocks_examined, ==, 0);
        g_assert_cmpuint(snapshot->holders.n_descriptors, ==, 0);
        g_assert_cmpuint(snapshot->mounts.n_lines, ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/snapshot/large", test_large);
        g_test_add_func("/snapshot/once", test_once);
        g_test_add_func("/snapshot/census", test_census);
        g_test_add_func("/snapshot/only-mounts", test_only_mounts);
        g_test_add_func("/snapshot/moment", test_moment);
        g_test_add_func("/snapshot/needed", test_needed);
        g_test_add_func("/snapshot/hba", test_hba);
        g_test_add_func("/snapshot/not-asked", test_not_asked);
        g_test_add_func("/snapshot/time", test_time);
        return g_test_run();
}
