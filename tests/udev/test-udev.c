/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevents.h"
#include "model/follower.h"
#include "model/inventory.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <umockdev.h>

/* The kernel's events through the real libudev, and the model that they update. Runs with umockdev-wrapper, whose
 * testbed replaces the kernel: it sends events to the group "kernel" and to the group "udev". */

#define NIC "0000:00:03.0"
#define NIC_SYS "/sys/devices/" NIC
#define TIMEOUT_MS 20000

typedef struct Bed {
        UMockdevTestbed *testbed;
        UeventSource *source;
        Kernel *kernel;
        Inventory *inventory;
} Bed;

static void add_nic(Bed *bed) {
        g_autofree char *path = umockdev_testbed_add_device(bed->testbed, "pci", NIC, NULL, "vendor", "0x8086",
                        "device", "0x10d3", "class", "0x020000", "revision", "0x00", "subsystem_vendor", "0x8086",
                        "subsystem_device", "0x0000", NULL, "PCI_ID", "8086:10D3", NULL);

        g_assert_cmpstr(path, ==, NIC_SYS);
}

/* A host bridge exists from the start. The source listens before the first scan. */
static Bed bed_new(void) {
        Bed bed = {.testbed = umockdev_testbed_new()};
        g_autofree char *root = umockdev_testbed_get_root_dir(bed.testbed);
        g_autofree char *sys = g_build_filename(root, "sys", NULL);
        g_autofree char *bridge = umockdev_testbed_add_device(bed.testbed, "pci", "0000:00:00.0", NULL, "vendor",
                        "0x8086", "device", "0x29c0", "class", "0x060000", "revision", "0x00", "subsystem_vendor",
                        "0x1af4", "subsystem_device", "0x1100", NULL, NULL);
        g_assert_nonnull(bridge);

        g_assert_cmpint(uevent_source_new_udev(&bed.source), ==, 0);
        g_assert_cmpint(kernel_new(sys, "/dev", "/proc", NULL, NULL, &bed.kernel), ==, 0);
        g_assert_cmpint(inventory_new(&bed.inventory), ==, 0);
        g_assert_cmpint(follower_read_all(bed.kernel, bed.inventory), ==, 0);
        return bed;
}

static void bed_clear(Bed *bed) {
        uevent_source_free(bed->source);
        inventory_free(bed->inventory);
        kernel_free(bed->kernel);
        g_object_unref(bed->testbed);
}

/* Checks that the next event is "ACTION SUBSYSTEM DEVPATH [DEVPATH_OLD]". Updates the model. */
static void expect_event(Bed *bed, const char *expected) {
        struct pollfd poll_fd = {.fd = bed->source->get_fd(bed->source), .events = POLLIN};
        Uevent event;

        g_assert_cmpint(poll(&poll_fd, 1, TIMEOUT_MS), ==, 1);
        g_assert_cmpint(bed->source->receive(bed->source, &event), ==, 1);
        g_autofree char *text = g_strdup_printf("%s %s %s%s%s", event.action, event.subsystem, event.devpath,
                        event.devpath_old ? " " : "", event.devpath_old ?: "");
        g_assert_cmpstr(text, ==, expected);
        g_assert_cmpint(scan_event(bed->kernel, bed->inventory, &event), ==, 0);
}

static void expect_nothing(Bed *bed) {
        Uevent event;

        g_assert_cmpint(bed->source->receive(bed->source, &event), ==, 0);
}

static const Device *find_nic(Bed *bed) {
        PciAddress address;

        g_assert_cmpint(pci_address_parse(NIC, &address), ==, 0);
        return inventory_find_device(bed->inventory, address);
}

/* The testbed does not maintain the links in the device's folder: the test moves them. */
static void set_driver(Bed *bed, const char *driver) {
        g_autofree char *root = umockdev_testbed_get_root_dir(bed->testbed);
        g_autofree char *link = g_build_filename(root, NIC_SYS, "driver", NULL);
        g_autofree char *target = g_strdup_printf("../../bus/pci/drivers/%s", driver ?: "");

        (void)g_unlink(link);
        if (driver)
                g_assert_cmpint(symlink(target, link), ==, 0);
}

static void test_add_and_remove(void) {
        Bed bed = bed_new();

        expect_nothing(&bed);
        g_assert_null(find_nic(&bed));
        add_nic(&bed);
        expect_event(&bed, "add pci /devices/" NIC);
        g_assert_nonnull(find_nic(&bed));
        g_assert_cmpuint(find_nic(&bed)->ids.device, ==, 0x10d3);

        umockdev_testbed_uevent(bed.testbed, NIC_SYS, "remove");
        umockdev_testbed_remove_device(bed.testbed, NIC_SYS);
        expect_event(&bed, "remove pci /devices/" NIC);
        g_assert_null(find_nic(&bed));
        expect_nothing(&bed);
        bed_clear(&bed);
}

static void test_bind_and_unbind(void) {
        Bed bed = bed_new();

        add_nic(&bed);
        expect_event(&bed, "add pci /devices/" NIC);
        g_assert_null(find_nic(&bed)->driver);
        set_driver(&bed, "e1000e");
        umockdev_testbed_uevent(bed.testbed, NIC_SYS, "bind");
        expect_event(&bed, "bind pci /devices/" NIC);
        g_assert_cmpstr(find_nic(&bed)->driver, ==, "e1000e");
        set_driver(&bed, NULL);
        umockdev_testbed_uevent(bed.testbed, NIC_SYS, "unbind");
        expect_event(&bed, "unbind pci /devices/" NIC);
        g_assert_null(find_nic(&bed)->driver);
        bed_clear(&bed);
}

static void test_change(void) {
        Bed bed = bed_new();

        add_nic(&bed);
        expect_event(&bed, "add pci /devices/" NIC);
        set_driver(&bed, "e1000e");
        umockdev_testbed_uevent(bed.testbed, NIC_SYS, "change");
        expect_event(&bed, "change pci /devices/" NIC);
        g_assert_cmpstr(find_nic(&bed)->driver, ==, "e1000e");
        bed_clear(&bed);
}

/* An interface appears and is renamed: the event has the old path, and the model removes the old name. */
static void test_net(void) {
        g_autofree char *first = NULL, *second = NULL;
        Bed bed = bed_new();

        add_nic(&bed);
        expect_event(&bed, "add pci /devices/" NIC);
        first = umockdev_testbed_add_device(bed.testbed, "net", "eth0", NIC_SYS, NULL, "INTERFACE", "eth0", NULL);
        expect_event(&bed, "add net /devices/" NIC "/eth0");
        g_assert_true(host_name_list_has(find_nic(&bed)->names, HOST_NAME_NETWORK, "eth0"));

        /* the testbed has no rename, and sends no event when it removes a device */
        umockdev_testbed_remove_device(bed.testbed, first);
        second = umockdev_testbed_add_device(bed.testbed, "net", "ens3", NIC_SYS, NULL, "INTERFACE", "ens3", NULL);
        expect_event(&bed, "add net /devices/" NIC "/ens3");
        g_assert_true(host_name_list_has(find_nic(&bed)->names, HOST_NAME_NETWORK, "eth0"));
        umockdev_testbed_set_property(bed.testbed, second, "DEVPATH_OLD", "/devices/" NIC "/eth0");
        umockdev_testbed_uevent(bed.testbed, second, "move");
        expect_event(&bed, "move net /devices/" NIC "/ens3 /devices/" NIC "/eth0");
        g_assert_true(host_name_list_has(find_nic(&bed)->names, HOST_NAME_NETWORK, "ens3"));
        g_assert_false(host_name_list_has(find_nic(&bed)->names, HOST_NAME_NETWORK, "eth0"));
        bed_clear(&bed);
}

static void test_block(void) {
        g_autofree char *disk = NULL;
        Bed bed = bed_new();

        add_nic(&bed);
        expect_event(&bed, "add pci /devices/" NIC);
        disk = umockdev_testbed_add_device(bed.testbed, "block", "vda", NIC_SYS, NULL, "DEVTYPE", "disk", NULL);
        expect_event(&bed, "add block /devices/" NIC "/vda");
        g_assert_true(host_name_list_has(find_nic(&bed)->names, HOST_NAME_BLOCK, "vda"));
        umockdev_testbed_uevent(bed.testbed, disk, "remove");
        umockdev_testbed_remove_device(bed.testbed, disk);
        expect_event(&bed, "remove block /devices/" NIC "/vda");
        g_assert_false(host_name_list_has(find_nic(&bed)->names, HOST_NAME_BLOCK, "vda"));
        bed_clear(&bed);
}

/* Events of other subsystems arrive too and change nothing. */
static void test_other_subsystems(void) {
        static const char *const others[] = {"usb", "input", "vfio", "iommu", "nvme", "drm"};
        Bed bed = bed_new();
        ChangeList changes;

        inventory_take_changes(bed.inventory, &changes);
        change_list_done(&changes);
        for (unsigned i = 0; i < G_N_ELEMENTS(others); i++)
                g_free(umockdev_testbed_add_device(bed.testbed, others[i], others[i], NULL, NULL, NULL));
        for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
                g_autofree char *expected = g_strdup_printf("add %s /devices/%s", others[i], others[i]);

                expect_event(&bed, expected);
        }
        expect_nothing(&bed);
        inventory_take_changes(bed.inventory, &changes);
        g_assert_cmpuint(changes.n_changes, ==, 0);
        change_list_done(&changes);
        add_nic(&bed);
        expect_event(&bed, "add pci /devices/" NIC);
        expect_nothing(&bed);
        bed_clear(&bed);
}

/* Many events at once keep their order, and the strings of an event are valid until the next event. */
static void test_many(void) {
        Bed bed = bed_new();

        /* not more than the testbed's socket can hold */
        for (unsigned first = 1; first <= 200; first += 8) {
                for (unsigned i = first; i < first + 8; i++) {
                        g_autofree char *address = g_strdup_printf("0000:%02x:00.0", i);

                        g_free(umockdev_testbed_add_device(bed.testbed, "pci", address, NULL, "vendor", "0x8086",
                                        "device", "0x10d3", "class", "0x020000", "revision", "0x00", "subsystem_vendor",
                                        "0x8086", "subsystem_device", "0x0000", NULL, NULL));
                }
                for (unsigned i = first; i < first + 8; i++) {
                        g_autofree char *expected = g_strdup_printf("add pci /devices/0000:%02x:00.0", i);

                        expect_event(&bed, expected);
                }
        }
        expect_nothing(&bed);
        size_t n;
        (void)inventory_devices(bed.inventory, &n);
        g_assert_cmpuint(n, ==, 201);
        bed_clear(&bed);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* umockdev_in_mock_environment() of Debian 12 returns false even there */
        if (!strstr(g_getenv("LD_PRELOAD") ?: "", "umockdev"))
                g_error("run this test with umockdev-wrapper");
        g_test_add_func("/udev/add-and-remove", test_add_and_remove);
        g_test_add_func("/udev/bind-and-unbind", test_bind_and_unbind);
        g_test_add_func("/udev/change", test_change);
        g_test_add_func("/udev/net", test_net);
        g_test_add_func("/udev/block", test_block);
        g_test_add_func("/udev/other-subsystems", test_other_subsystems);
        g_test_add_func("/udev/many-events", test_many);
        return g_test_run();
}
