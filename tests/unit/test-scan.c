/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"
#include "model.h"
#include "model/follower.h"
#include "temp-tree.h"

#include <glib/gstdio.h>

/* The same code reads at the start, at a rescan and for every event: after each event the model equals a new scan. */

#define NIC "0000:03:00.0"
#define NIC_PATH "pci0000:00/0000:00:1c.0/" NIC
#define NVME "0000:04:00.0"
#define NVME_PATH "pci0000:00/0000:00:1d.0/" NVME

static TempTree *tree_new(void) {
        TempTree *tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/0000:00:1c.0");
        temp_tree_attribute(tree, "0000:00:1c.0", "class", "0x060400");
        temp_tree_device(tree, NIC_PATH);
        temp_tree_driver(tree, NIC, "e1000");
        temp_tree_group(tree, NIC, 25);
        temp_tree_name(tree, NIC, "net", "ens1");
        temp_tree_device(tree, NVME_PATH);
        return tree;
}

static Inventory *scan_fresh(TempTree *tree) {
        Inventory *inventory = make_inventory();

        g_assert_cmpint(follower_read_all(tree->kernel, inventory), ==, 0);
        return inventory;
}

/* Handles the event. Then the model must equal a new scan. */
static void send_event(TempTree *tree, Inventory *inventory, const char *action, const char *path,
                const char *subsystem, const char *old_path) {
        g_autofree char *devpath = g_strconcat("/devices/", path, NULL),
                        *devpath_old = old_path ? g_strconcat("/devices/", old_path, NULL) : NULL;
        Uevent event = {.action = action, .devpath = devpath, .subsystem = subsystem, .devpath_old = devpath_old};
        _cleanup_(inventory_freep) Inventory *fresh = scan_fresh(tree);

        g_assert_cmpint(scan_event(tree->kernel, inventory, &event), ==, 0);
        g_autofree char *found = inventory_to_text(inventory), *expected = inventory_to_text(fresh);
        g_assert_cmpstr(found, ==, expected);
}

static void test_all(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);
        const Device *nic = get_device(inventory, NIC);

        g_assert_cmpstr(nic->driver, ==, "e1000");
        g_assert_cmpint(nic->group->number, ==, 25);
        g_assert_true(host_name_list_has(nic->names, HOST_NAME_NETWORK, "ens1"));
        g_assert_true(get_device(inventory, "0000:00:1c.0")->bridge);
        g_free(inventory_take_changes_text(inventory));
        g_assert_cmpint(follower_read_all(tree->kernel, inventory), ==, 0);
        g_autofree char *none = inventory_take_changes_text(inventory);
        g_assert_cmpstr(none, ==, "");
}

static void test_driver_events(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);

        temp_tree_driver(tree, NIC, NULL);
        temp_tree_remove(tree, "sys/class/net/ens1");
        temp_tree_remove(tree, "sys/devices/" NIC_PATH "/net");
        g_assert_cmpint(scan_event(tree->kernel, inventory,
                                        &(Uevent){.action = "remove",
                                                        .devpath = "/devices/" NIC_PATH "/net/ens1",
                                                        .subsystem = "net"}),
                        ==, 0);
        send_event(tree, inventory, "unbind", NIC_PATH, "pci", NULL);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_DRIVERLESS);
        temp_tree_driver(tree, NIC, "vfio-pci");
        temp_tree_attribute(tree, NIC, "sriov_totalvfs", "7");
        send_event(tree, inventory, "bind", NIC_PATH, "pci", NULL);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_FOREIGN);
        temp_tree_group(tree, NIC, 26);
        send_event(tree, inventory, "change", NIC_PATH, "pci", NULL);
        /* The link to the PF appears before any driver binds. */
        temp_tree_driver(tree, NIC, NULL);
        send_event(tree, inventory, "unbind", NIC_PATH, "pci", NULL);
        temp_tree_link(tree, "../0000:00:04.0", "sys/bus/pci/devices/%s/physfn", NIC);
        send_event(tree, inventory, "change", NIC_PATH, "pci", NULL);
}

static void test_hotplug(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);

        temp_tree_device(tree, "pci0000:00/0000:00:1c.1/0000:05:00.0");
        temp_tree_group(tree, "0000:05:00.0", 30);
        send_event(tree, inventory, "add", "pci0000:00/0000:00:1c.1/0000:05:00.0", "pci", NULL);
        temp_tree_name(tree, "0000:05:00.0", "net", "eth0");
        send_event(tree, inventory, "add", "pci0000:00/0000:00:1c.1/0000:05:00.0/net/eth0", "net", NULL);
        temp_tree_unplug(tree, "0000:05:00.0");
        send_event(tree, inventory, "remove", "pci0000:00/0000:00:1c.1/0000:05:00.0", "pci", NULL);
        g_assert_null(inventory_find_group(inventory, 30));

        /* The event is late: the device has returned, or disappeared again, when it is handled. */
        send_event(tree, inventory, "add", "pci0000:00/0000:00:1c.1/0000:05:00.0", "pci", NULL);
        send_event(tree, inventory, "remove", NIC_PATH, "pci", NULL);
        g_assert_nonnull(inventory_find_device(inventory, address_of(NIC)));
}

/* Like an unplug, but the inode number of the folder is not reused, as in sysfs. */
static void pull(TempTree *tree, unsigned n) {
        g_autofree char *folder = temp_tree_path(tree, "sys/devices/" NIC_PATH),
                        *aside = temp_tree_path(tree, "pulled-%u", n);

        temp_tree_remove(tree, "sys/bus/pci/devices/" NIC);
        if (n == 0)
                temp_tree_remove(tree, "sys/class/net/ens1");
        g_assert_cmpint(g_rename(folder, aside), ==, 0);
}

/* Another card of the same model was plugged in before the event was handled: the old card is forgotten, and the new
 * card is added. */
static void test_replug(void) {
        static const char *const looks[] = {"remove", "add", NULL};
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);

        for (unsigned i = 0; i < G_N_ELEMENTS(looks); i++) {
                inventory_clear_appeared(inventory, address_of(NIC));
                g_free(inventory_take_changes_text(inventory));
                pull(tree, i);
                temp_tree_device(tree, NIC_PATH);
                temp_tree_group(tree, NIC, 25);
                if (looks[i])
                        send_event(tree, inventory, looks[i], NIC_PATH, "pci", NULL);
                else
                        g_assert_cmpint(follower_read_all(tree->kernel, inventory), ==, 0);
                g_autofree char *changes = inventory_take_changes_text(inventory);
                g_assert_cmpstr(changes, ==,
                                "device removed " NIC "\ngroup removed 25\ndevice added " NIC "\ngroup added 25\n");
                g_assert_true(get_device(inventory, NIC)->appeared);

                /* The remaining events are about known changes. */
                inventory_clear_appeared(inventory, address_of(NIC));
                send_event(tree, inventory, "remove", NIC_PATH, "pci", NULL);
                send_event(tree, inventory, "add", NIC_PATH, "pci", NULL);
                g_autofree char *none = inventory_take_changes_text(inventory);
                g_assert_cmpstr(none, ==, "");
                g_assert_false(get_device(inventory, NIC)->appeared);
        }
}

static void test_names(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);

        /* Renamed by udev. */
        temp_tree_remove(tree, "sys/class/net/ens1");
        temp_tree_name(tree, NIC, "net", "lan0");
        send_event(tree, inventory, "move", NIC_PATH "/net/lan0", "net", NIC_PATH "/net/ens1");
        g_assert_true(host_name_list_has(get_device(inventory, NIC)->names, HOST_NAME_NETWORK, "lan0"));

        /* Another card has the name when the event is handled. */
        temp_tree_remove(tree, "sys/class/net/lan0");
        temp_tree_name(tree, NVME, "net", "lan0");
        send_event(tree, inventory, "remove", NIC_PATH "/net/lan0", "net", NULL);
        g_assert_null(get_device(inventory, NIC)->names);
        g_assert_true(host_name_list_has(get_device(inventory, NVME)->names, HOST_NAME_NETWORK, "lan0"));
        temp_tree_remove(tree, "sys/class/net/lan0");
        send_event(tree, inventory, "remove", NVME_PATH "/net/lan0", "net", NULL);

        temp_tree_name(tree, NVME, "block", "nvme0n1");
        send_event(tree, inventory, "add", NVME_PATH "/nvme/nvme0/nvme0n1", "block", NULL);
        temp_tree_remove(tree, "sys/class/block/nvme0n1");
        send_event(tree, inventory, "remove", NVME_PATH "/nvme/nvme0/nvme0n1", "block", NULL);
        g_assert_null(get_device(inventory, NVME)->names);
}

/* The event of a multipath disk names no PCI function. */
static void test_multipath(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);
        static const char subsystem[] = "virtual/nvme-subsystem/nvme-subsys0";

        temp_tree_folder(tree, "sys/devices/%s/nvme0n1", subsystem);
        temp_tree_link(tree, "../../../" NVME_PATH "/nvme/nvme0", "sys/devices/%s/nvme0", subsystem);
        temp_tree_link(tree, "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "sys/class/block/nvme0n1");
        send_event(tree, inventory, "add", "virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "block", NULL);
        g_assert_true(host_name_list_has(get_device(inventory, NVME)->names, HOST_NAME_BLOCK, "nvme0n1"));
        temp_tree_remove(tree, "sys/class/block/nvme0n1");
        send_event(tree, inventory, "remove", "virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "block", NULL);
        g_assert_null(get_device(inventory, NVME)->names);
}

static void test_junk(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = scan_fresh(tree);

        send_event(tree, inventory, "add", "virtual/net/lo", "net", NULL);
        send_event(tree, inventory, "add", "pci0000:00", "pci", NULL);
        send_event(tree, inventory, "add", "", "pci", NULL);
        send_event(tree, inventory, "add", NIC_PATH, "usb", NULL);
        send_event(tree, inventory, "add", NIC_PATH "/net/", "net", NULL);
        send_event(tree, inventory, "add", NIC_PATH "/net/..", "net", NULL);
        g_assert_cmpint(scan_event(tree->kernel, inventory,
                                        &(Uevent){.action = "add", .devpath = "x", .subsystem = "net"}),
                        ==, 0);
}

/* A device that cannot be read does not hide the others. */
static void test_broken_device(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        temp_tree_attribute(tree, "0000:00:1c.0", "vendor", "junk");
        (void)follower_read_all(tree->kernel, inventory);
        g_assert_nonnull(inventory_find_device(inventory, address_of(NIC)));
        g_assert_nonnull(inventory_find_device(inventory, address_of(NVME)));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/scan/all", test_all);
        g_test_add_func("/scan/driver-events", test_driver_events);
        g_test_add_func("/scan/hotplug", test_hotplug);
        g_test_add_func("/scan/replug", test_replug);
        g_test_add_func("/scan/names", test_names);
        g_test_add_func("/scan/multipath", test_multipath);
        g_test_add_func("/scan/junk", test_junk);
        g_test_add_func("/scan/broken-device", test_broken_device);
        return g_test_run();
}
