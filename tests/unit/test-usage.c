/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

/* All kinds of uses together, and to which device each use belongs. Each kind has its own test. */

#define NIC "0000:03:00.0"
#define NIC_FOLDER "pci0000:00/0000:00:1c.0/" NIC
#define AHCI "0000:00:1f.2"
#define NVME "0000:04:00.0"
#define USB "0000:00:14.0"
#define VMD "0000:00:0e.0"
#define DRIVE "10000:01:00.0"

static Bed *make_bed(void) {
        Bed *bed = bed_new();

        temp_tree_device(bed->tree, NIC_FOLDER);
        temp_tree_device(bed->tree, "pci0000:00/" AHCI);
        temp_tree_device(bed->tree, "pci0000:00/0000:00:1d.0/" NVME);
        temp_tree_device(bed->tree, "pci0000:00/" USB);
        temp_tree_device(bed->tree, "pci0000:00/" VMD);
        bed->tree->kernel->has_own_network = true;
        return bed;
}

/* Takes a snapshot, changes the host, and looks for uses. */
static int survey_changed(Bed *bed, const char *text, void (*change)(Bed *bed)) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        PciAddress address;

        g_assert_cmpint(pci_address_parse(text, &address), ==, 0);
        int r = usage_snapshot_new(bed->tree->kernel, &address, 1, on_use, bed->uses, &snapshot);
        if (r < 0)
                return r;
        if (change) {
                const HostIndex *host;

                g_assert_cmpint(usage_snapshot_host(snapshot, &host), ==, 0);
                change(bed);
        }
        bed->uses->device = address;
        r = usage_of_device(snapshot, address);
        g_assert_true(pci_address_equal(bed->uses->device, address));
        return r;
}

static int survey(Bed *bed, const char *text) {
        return survey_changed(bed, text, NULL);
}

#define assert_device(bed, address, ...) \
        G_STMT_START { \
                g_assert_cmpint(survey(bed, address), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

static void put_interface(Bed *bed, const char *path, const char *name) {
        g_autofree char *target = g_strdup_printf("../../devices/%s/net/%s", path, name);

        temp_tree_file(bed->tree, "77\n", "sys/devices/%s/net/%s/ifindex", path, name);
        temp_tree_link(bed->tree, target, "sys/class/net/%s", name);
}

static void put_mount(Bed *bed, const char *line) {
        put_process(bed->tree, 5000001, "systemd", 1, line);
}

static void test_free(void) {
        g_autoptr(Bed) bed = make_bed();

        put_block(bed->tree, "pci0000:00/" AHCI "/ata1/host0/target0:0:0/0:0:0:0/block/sda", "8:0");
        put_interface(bed, NIC_FOLDER, "ens1");
        assert_device(bed, AHCI, NULL);
        assert_device(bed, NIC, NULL);
        assert_device(bed, "0000:0f:00.0", NULL);
}

/* The disk may be connected to the device by any bus. */
static void test_disks(void) {
        static const struct {
                const char *address, *path, *name;
        } cases[] = {
                        {AHCI, "pci0000:00/" AHCI "/ata1/host0/target0:0:0/0:0:0:0/block/sda", "sda"},
                        {USB, "pci0000:00/" USB "/usb1/1-1/1-1.2/1-1.2:1.0/host6/target6:0:0/6:0:0:0/block/sdb", "sdb"},
                        {NVME, "pci0000:00/0000:00:1d.0/" NVME "/nvme/nvme0/nvme0n1", "nvme0n1"},
                        {NVME, "pci0000:00/0000:00:1d.0/" NVME "/virtio1/block/vda", "vda"},
                        {NVME, "pci0000:00/0000:00:1d.0/" NVME "/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0", "mmcblk0"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Bed) bed = make_bed();
                g_autofree char *partition = g_strconcat(cases[i].path, "/part1", NULL),
                                *says = g_strdup_printf("storage: %s > part1 is mounted on /", cases[i].name);

                put_block(bed->tree, cases[i].path, "8:0");
                put_partition(bed->tree, partition, "8:1");
                put_mount(bed, "27 1 8:1 / / rw - ext4 /dev/part1 rw\n");
                assert_device(bed, cases[i].address, says, NULL);
                assert_device(bed, NIC, NULL);
        }
}

/* With multipath, the disk is not below its controller. */
static void test_nvme_multipath(void) {
        g_autoptr(Bed) bed = make_bed();
        static const char subsystem[] = "virtual/nvme-subsystem/nvme-subsys0";

        put_block(bed->tree, "virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "259:0");
        put_partition(bed->tree, "virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p2", "259:2");
        temp_tree_link(bed->tree, "../../devices/virtual/nvme-subsystem/nvme-subsys0",
                        "sys/class/nvme-subsystem/nvme-subsys0");
        temp_tree_link(bed->tree, "../../../pci0000:00/0000:00:1d.0/" NVME "/nvme/nvme0", "sys/devices/%s/nvme0",
                        subsystem);
        /* The path itself: hidden, without a number or a node. */
        temp_tree_file(bed->tree, "1\n", "sys/bus/pci/devices/" NVME "/nvme/nvme0/nvme0c0n1/hidden");
        temp_tree_link(bed->tree, "../../devices/pci0000:00/0000:00:1d.0/" NVME "/nvme/nvme0/nvme0c0n1",
                        "sys/class/block/nvme0c0n1");
        assert_device(bed, NVME, NULL);
        put_mount(bed, "27 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
        assert_device(bed, NVME, "storage: nvme0n1 > nvme0n1p2 is mounted on /", NULL);
        assert_device(bed, AHCI, NULL);

        /* A VM that has the disk open and claims nothing. */
        put_mount(bed, "");
        temp_tree_file(bed->tree, "1:3\n", "sys/devices/%s/ng0n1/dev", subsystem);
        temp_tree_link(bed->tree, "/dev/null", "proc/5000001/fd/9");
        assert_device(bed, NVME, "process: process 5000001 (systemd) has /dev/null open", NULL);
}

/* A whole controller, with or without disks. */
static void test_passed_through(void) {
        static const char target[] = "sys/kernel/config/nvmet/subsystems/nqn.a/passthru";
        static const char says[] = "storage: nvme0 is passed through by an NVMe target";
        g_autoptr(Bed) bed = make_bed();

        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" NVME "/nvme/nvme0");
        temp_tree_link(bed->tree, "../../devices/pci0000:00/0000:00:1d.0/" NVME "/nvme/nvme0", "sys/class/nvme/nvme0");
        assert_device(bed, NVME, NULL);
        temp_tree_file(bed->tree, "/dev/nvme0\n", "%s/device_path", target);
        temp_tree_file(bed->tree, "0\n", "%s/enable", target);
        assert_device(bed, NVME, NULL);
        temp_tree_file(bed->tree, "1\n", "%s/enable", target);
        assert_device(bed, NVME, says, NULL);
        assert_device(bed, AHCI, NULL);
        put_block(bed->tree, "pci0000:00/0000:00:1d.0/" NVME "/nvme/nvme0/nvme0n1", "259:0");
        assert_device(bed, NVME, says, NULL);
        temp_tree_file(bed->tree, "/dev/nvme01\n", "%s/device_path", target);
        assert_device(bed, NVME, NULL);

        /* If the target is loaded, but does not show what it exports, it may export this one. */
        temp_tree_remove(bed->tree, "sys/kernel/config");
        assert_device(bed, NVME, NULL);
        temp_tree_folder(bed->tree, "sys/module/nvmet");
        assert_device(bed, NVME,
                        "storage: nvme0 cannot be examined: the NVMe targets (/sys/kernel/config/nvmet): No data "
                        "available",
                        "storage: nvme0n1 cannot be examined: the NVMe targets (/sys/kernel/config/nvmet): No data "
                        "available",
                        NULL);
        assert_device(bed, NIC, NULL);
}

/* A network card without an interface has the interface in another namespace, unless no driver is bound that would
 * create it. */
static void test_hidden_interface(void) {
        g_autoptr(Bed) bed = make_bed();
        static const char says[] =
                        "network: " NIC
                        " shows no network interface here: it may be in the network namespace of a container";

        assert_device(bed, NIC, NULL);
        temp_tree_driver(bed->tree, NIC, "e1000e");
        assert_device(bed, NIC, says, NULL);
        put_interface(bed, NIC_FOLDER, "ens1");
        assert_device(bed, NIC, NULL);
        temp_tree_remove(bed->tree, "sys/class/net/ens1");
        assert_device(bed, NIC, says, NULL);
        temp_tree_attribute(bed->tree, NIC, "class", "0x028000"); /* a wireless card */
        assert_device(bed, NIC, says, NULL);
        temp_tree_attribute(bed->tree, NIC, "class", "0x010601");
        assert_device(bed, NIC, NULL);
        temp_tree_attribute(bed->tree, NIC, "class", "0x020000");
        temp_tree_driver(bed->tree, NIC, "pci-stub");
        assert_device(bed, NIC, NULL);
        temp_tree_driver(bed->tree, NIC, "vfio-pci");
        assert_device(bed, NIC, NULL);
}

static void add_interface(Bed *bed) {
        put_interface(bed, NIC_FOLDER, "ens1");
        temp_tree_link(bed->tree, "../virtual/net/bond0", "sys/devices/" NIC_FOLDER "/net/ens1/master");
}

static void remove_interface(Bed *bed) {
        temp_tree_remove(bed->tree, "sys/class/net/eth0");
}

static void rename_interface(Bed *bed) {
        remove_interface(bed);
        add_interface(bed);
}

static void rename_two(Bed *bed) {
        temp_tree_remove(bed->tree, "sys/class/net/eth1");
        rename_interface(bed);
}

/* udev renames an interface between the snapshot and its examination. If it is nowhere, it may be in a container. */
static void test_renamed(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_driver(bed->tree, NIC, "igb");
        put_interface(bed, NIC_FOLDER, "eth0");
        g_assert_cmpint(survey_changed(bed, NIC, rename_interface), ==, 0);
        assert_uses(bed->uses, "network: ens1 is a port of bond0", NULL);

        temp_tree_remove(bed->tree, "sys/class/net/ens1");
        put_interface(bed, NIC_FOLDER, "eth0");
        g_assert_cmpint(survey_changed(bed, NIC, remove_interface), ==, 0);
        assert_uses(bed->uses, "network: eth0 cannot be examined: No such file or directory", NULL);

        /* It appears after the snapshot. */
        g_assert_cmpint(survey_changed(bed, NIC, add_interface), ==, 0);
        assert_uses(bed->uses, "network: ens1 is a port of bond0", NULL);

        /* There is one new name for two that are gone. */
        temp_tree_remove(bed->tree, "sys/class/net/ens1");
        put_interface(bed, NIC_FOLDER, "eth0");
        put_interface(bed, NIC_FOLDER, "eth1");
        g_assert_cmpint(survey_changed(bed, NIC, rename_two), ==, 0);
        assert_uses(bed->uses, "network: ens1 is a port of bond0",
                        "network: eth1 cannot be examined: No such file or directory", NULL);
}

/* An interface below a device of another class, in the network namespace of a container: its folder is empty. */
static void test_hidden_child_interface(void) {
        g_autoptr(Bed) bed = make_bed();
        static const char interface[] = "/usb1/1-1/1-1:1.0", virtio[] = "/virtio1";

        temp_tree_attribute(bed->tree, USB, "class", "0x0c0330");
        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" USB "%s", interface);
        assert_device(bed, USB, NULL);
        put_interface(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0", "eth0");
        assert_device(bed, USB, NULL);
        temp_tree_remove(bed->tree, "sys/class/net/eth0");
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" USB "%s/net/eth0", interface);
        assert_device(bed, USB,
                        "network: 1-1:1.0 has a network interface in another network namespace, for example of a "
                        "container",
                        NULL);
        assert_device(bed, AHCI, NULL);
        /* Reported once for a network card whose interface is on a virtio device. */
        temp_tree_driver(bed->tree, NIC, "virtio-pci");
        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" NIC "/net");
        assert_device(bed, NIC,
                        "network: " NIC
                        " shows no network interface here: it may be in the network namespace of a container",
                        NULL);
        temp_tree_attribute(bed->tree, NIC, "class", "0x0d4000"); /* a modem */
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" NIC "/net");
        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" NIC "%s/net", virtio);
        assert_device(bed, NIC,
                        "network: virtio1 has a network interface in another network namespace, for example of a "
                        "container",
                        NULL);
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" NIC "%s/net", virtio);
        assert_device(bed, NIC, NULL);
}

/* A folder that cannot be examined: what is beside it is examined nevertheless. */
static void test_too_deep(void) {
        g_autoptr(GString) deep = g_string_new("sys/bus/pci/devices/" NIC);
        g_autoptr(Bed) bed = make_bed();

        for (unsigned i = 0; i < 40; i++)
                g_string_append(deep, "/usb1");
        /* Whether the list of a folder begins with the oldest or the newest entry: one of them comes after the deep folder. */
        temp_tree_link(bed->tree, "types", "sys/bus/pci/devices/" NIC "/a/mdev_type");
        temp_tree_folder(bed->tree, "%s", deep->str);
        temp_tree_link(bed->tree, "types", "sys/bus/pci/devices/" NIC "/z/mdev_type");
        assert_device(bed, NIC, "child: the mediated device a lies below it, and vanishes with it",
                        "child: the mediated device z lies below it, and vanishes with it",
                        "storage: " NIC " cannot be examined: Too many levels of symbolic links",
                        "network: " NIC " cannot be examined: Too many levels of symbolic links",
                        "display: " NIC " cannot be examined: Too many levels of symbolic links",
                        "child: " NIC " cannot be examined: Too many levels of symbolic links",
                        "process: " NIC " cannot be examined: Too many levels of symbolic links", NULL);
}

/* The folders of the queues of a network card are not listed: a card can have a thousand. */
static void test_queues(void) {
        g_autoptr(Bed) bed = make_bed();

        put_interface(bed, "pci0000:00/0000:00:1c.0/" NIC, "ens1");
        temp_tree_folder(bed->tree, "sys/bus/pci/devices/" NIC "/net/ens1/queues/rx-0");
        temp_tree_link(bed->tree, "types", "sys/bus/pci/devices/" NIC "/net/ens1/queues/rx-0/mdev_type");
        assert_device(bed, NIC, NULL);
        /* An interface of this name is a device. */
        temp_tree_link(bed->tree, "types", "sys/bus/pci/devices/" NIC "/net/queues/x/mdev_type");
        assert_device(bed, NIC, "child: the mediated device x lies below it, and vanishes with it", NULL);
}

/* A mediated device: a process has the node of its group open. */
static void test_mediated(void) {
        static const char uuid[] = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
        static const char says[] = "child: the mediated device 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 lies below it, and "
                                   "vanishes with it";
        g_autoptr(Bed) bed = make_bed();

        temp_tree_link(bed->tree, "../mdev_supported_types/i915-GVTg_V5_4", "sys/bus/pci/devices/" NVME "/%s/mdev_type",
                        uuid);
        temp_tree_link(bed->tree, "../../../../kernel/iommu_groups/20", "sys/bus/pci/devices/" NVME "/%s/iommu_group",
                        uuid);
        put_process(bed->tree, 5000002, "qemu", 1, "");
        temp_tree_link(bed->tree, "/dev/full", "proc/5000002/fd/9");
        assert_device(bed, NVME, says, NULL);
        temp_tree_file(bed->tree, "1:7\n", "sys/class/vfio/20/dev");
        assert_device(bed, NVME, says, "process: process 5000002 (qemu) has /dev/full open", NULL);
        assert_device(bed, NIC, NULL);
        temp_tree_file(bed->tree, "x\n", "sys/class/vfio/20/dev");
        g_assert_cmpint(survey(bed, NVME), ==, 0);
        assert_uses(bed->uses, says, "process: " NVME " cannot be examined: Invalid argument", NULL);
}

/* One card with every kind of use. */
static void test_kinds(void) {
        g_autoptr(Bed) bed = make_bed();

        put_block(bed->tree, "pci0000:00/0000:00:1c.0/" NIC "/block/sda", "8:0");
        put_interface(bed, NIC_FOLDER, "ens1");
        temp_tree_link(bed->tree, "../../virtual/net/br0", "sys/class/net/ens1/master");
        temp_tree_attribute(bed->tree, NIC, "boot_vga", "1");
        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" NIC "/uio/uio0/dev");
        put_mount(bed, "27 1 8:0 / / rw - ext4 /dev/sda rw\n");
        temp_tree_link(bed->tree, "/dev/null", "proc/5000001/fd/0");
        assert_device(bed, NIC, "storage: sda is mounted on /", "network: ens1 is a port of br0",
                        "display: " NIC " is the display that the host was started with",
                        "process: process 5000001 (systemd) has /dev/null open", NULL);
        for (unsigned i = 1; i <= 4; i++) {
                g_ptr_array_set_size(bed->uses->lines, 0);
                bed->uses->end_after = i;
                g_assert_cmpint(survey(bed, NIC), ==, 42);
                g_assert_cmpuint(bed->uses->lines->len, ==, i);
        }
}

/* The PCI domain behind a VMD disappears with it. */
static void test_nested(void) {
        g_autoptr(Bed) bed = make_bed();
        static const char below[] = "pci0000:00/" VMD "/pci10000:00/10000:00:02.0/10000:01:00.0/nvme/nvme0/nvme0n1";

        temp_tree_device(bed->tree, "pci0000:00/" VMD "/pci10000:00/10000:00:02.0");
        temp_tree_device(bed->tree, "pci0000:00/" VMD "/pci10000:00/10000:00:02.0/10000:01:00.0");
        put_block(bed->tree, below, "259:0");
        assert_device(bed, VMD, NULL);
        put_mount(bed, "27 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
        assert_device(bed, VMD, "storage: nvme0n1 is mounted on /", NULL);
        assert_device(bed, "10000:01:00.0", "storage: nvme0n1 is mounted on /", NULL);
        assert_device(bed, USB, NULL);
        put_mount(bed, "");
        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/10000:01:00.0/nvme/nvme0/ng0n1/dev");
        temp_tree_link(bed->tree, "/dev/null", "proc/5000001/fd/0");
        assert_device(bed, VMD, "process: process 5000001 (systemd) has /dev/null open", NULL);
        temp_tree_remove(bed->tree, "proc/5000001/fd/0");
        temp_tree_driver(bed->tree, "10000:01:00.0", "vfio-pci");
        assert_device(bed, VMD,
                        "process: 10000:01:00.0 lies below it and is on vfio-pci: a virtual machine may have it", NULL);
}

/* A drive that is a device of the survey itself: its uses belong to it, and are not reported for the controller again.
 * Those of another drive belong to the controller. */
static void test_nested_devices(void) {
        static const char other[] = "10000:02:00.0";
        const PciAddress devices[] = {{.slot = 0x0e}, {.domain = 0x10000, .bus = 1}};
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_autoptr(Bed) bed = make_bed();

        for (unsigned i = 0; i < 2; i++) {
                g_autofree char *path = g_strdup_printf("pci0000:00/" VMD "/pci10000:00/10000:00:0%u.0/%s", i + 2,
                                                i == 0 ? DRIVE : other),
                                *disk = g_strdup_printf("%s/nvme/nvme%u/nvme%un1", path, i, i),
                                *number = g_strdup_printf("259:%u", i);

                temp_tree_device(bed->tree, path);
                put_block(bed->tree, disk, number);
        }
        put_mount(bed, "27 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n28 27 259:1 / /srv rw - ext4 /dev/nvme1n1 rw\n");
        g_assert_cmpint(usage_snapshot_new(bed->tree->kernel, devices, 2, on_use, bed->uses, &snapshot), ==, 0);
        g_assert_cmpint(usage_of_device(snapshot, devices[0]), ==, 0);
        g_assert_true(pci_address_equal(bed->uses->device, devices[0]));
        assert_uses(bed->uses, "storage: nvme1n1 is mounted on /srv", NULL);
        g_assert_cmpint(usage_of_device(snapshot, devices[1]), ==, 0);
        g_assert_true(pci_address_equal(bed->uses->device, devices[1]));
        assert_uses(bed->uses, "storage: nvme0n1 is mounted on /", NULL);
}

/* Each use is reported, even if nobody reads them all: the visitor counts them. */
static void test_many(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" NIC "/drm/renderD128/dev");
        temp_tree_attribute(bed->tree, NIC, "boot_vga", "1");
        for (int pid = 5000001; pid <= 5000040; pid++) {
                put_process(bed->tree, pid, "chrome", 1, "");
                temp_tree_link(bed->tree, "/dev/null", "proc/%d/fd/0", pid);
        }
        g_assert_cmpint(survey(bed, NIC), ==, 0);
        g_assert_cmpuint(bed->uses->lines->len, ==, 1 + 40);
        g_assert_cmpstr(bed->uses->lines->pdata[1], ==, "process: process 5000001 (chrome) has /dev/null open");
        g_assert_cmpstr(bed->uses->lines->pdata[40], ==, "process: another process has a device node open");
}

static void test_unreadable(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_link(bed->tree, "block", "sys/class/block");
        g_assert_cmpint(survey(bed, NIC), ==, -ELOOP);
}

/* Only root and the user of a process learn which process it is. */

#define CARD "0000:03:00.0"
#define CONCEALED "process: a process of another user has a device node open"

static void assert_reader(Bed *bed, uid_t reader, const char *first, const char *second) {
        PciAddress address;

        bed->uses->reader = reader;
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot =
                        snapshot_take(bed->tree->kernel, CARD, NULL, bed->uses);
        g_assert_cmpint(pci_address_parse(CARD, &address), ==, 0);
        g_assert_cmpint(usage_by_processes(snapshot, address), ==, 0);
        assert_uses(bed->uses, first, second, NULL);
}

static void test_readers(void) {
        static const char pipewire[] = "process: process 5000100 (pipewire) has /dev/null open",
                          bash[] = "process: process 5000101 (bash) has /dev/null open";
        g_autoptr(Bed) bed = bed_new();

        temp_tree_device(bed->tree, "pci0000:00/" CARD);
        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" CARD "/sound/card0/controlC0/dev");
        temp_tree_link(bed->tree, "../x/class/sound", "sys/bus/pci/devices/" CARD "/sound/card0/controlC0/subsystem");
        put_process(bed->tree, 5000100, "pipewire", 1, "");
        put_process(bed->tree, 5000101, "bash", 1, "");
        for (unsigned i = 0; i < 2; i++) {
                temp_tree_link(bed->tree, "/dev/null", "proc/%u/fd/3", 5000100 + i);
                put_owner(bed->tree, 5000100 + (int)i, 1000 + i, 1);
        }
        assert_reader(bed, 0, pipewire, bash);
        assert_reader(bed, 1000, pipewire, CONCEALED);
        assert_reader(bed, 1001, CONCEALED, bash);
        assert_reader(bed, READER_ANYBODY, CONCEALED, CONCEALED);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/usage/readers", test_readers);
        g_test_add_func("/usage/free", test_free);
        g_test_add_func("/usage/disks", test_disks);
        g_test_add_func("/usage/nvme-multipath", test_nvme_multipath);
        g_test_add_func("/usage/passed-through", test_passed_through);
        g_test_add_func("/usage/hidden-interface", test_hidden_interface);
        g_test_add_func("/usage/renamed", test_renamed);
        g_test_add_func("/usage/too-deep", test_too_deep);
        g_test_add_func("/usage/queues", test_queues);
        g_test_add_func("/usage/hidden-child-interface", test_hidden_child_interface);
        g_test_add_func("/usage/mediated", test_mediated);
        g_test_add_func("/usage/kinds", test_kinds);
        g_test_add_func("/usage/nested", test_nested);
        g_test_add_func("/usage/nested-devices", test_nested_devices);
        g_test_add_func("/usage/many", test_many);
        g_test_add_func("/usage/unreadable", test_unreadable);
        return g_test_run();
}
