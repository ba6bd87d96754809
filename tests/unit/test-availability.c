/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"
#include "kernel/pci-category.h"
#include "model.h"
#include "model/availability.h"

#define NIC "0000:03:00.0"
#define NIC2 "0000:03:00.1"
#define BRIDGE "0000:02:00.0"

static void expect(Inventory *inventory, const char *address, const char *expected) {
        g_assert_cmpstr(availability_to_string(device_availability(get_device(inventory, address))), ==, expected);
}

static void test_alone(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", -1);
        expect(inventory, NIC, "no-group");
        put_device(inventory, NIC, "e1000", 25);
        expect(inventory, NIC, "available");
        put_device(inventory, NIC, NULL, 25);
        expect(inventory, NIC, "available");
        put_device(inventory, NIC, "vfio-pci", 25);
        expect(inventory, NIC, "foreign");
        put_origin(inventory, NIC, "e1000", NULL);
        expect(inventory, NIC, "detached");
        g_assert_cmpint(inventory_set_leased(inventory, address_of(NIC), true), ==, 0);
        expect(inventory, NIC, "leased");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        expect(inventory, NIC, "changing");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WAITED_FOR), ==, 0);
        expect(inventory, NIC, "stuck");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        expect(inventory, NIC, "absent");
}

static void test_group(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "vfio-pci", 25);
        put_origin(inventory, NIC, "e1000", NULL);
        put_device(inventory, NIC2, "e1000", 25);
        put_bridge(inventory, BRIDGE, "pcieport", 25);
        expect(inventory, NIC, "partial");
        expect(inventory, NIC2, "available");
        expect(inventory, BRIDGE, "host-only");
        put_bridge(inventory, BRIDGE, "shpchp", 25);
        expect(inventory, NIC, "not-viable");
        expect(inventory, NIC2, "not-viable");
        expect(inventory, BRIDGE, "host-only");
}

static void expect_changes(Inventory *inventory, const char *expected) {
        g_autofree char *text = inventory_take_changes_text(inventory);

        g_assert_cmpstr(text, ==, expected);
}

/* Clients learn the new availability of a device also if only another member of its group has changed. */
static void test_changes(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        put_bridge(inventory, BRIDGE, "pcieport", 25);
        g_free(inventory_take_changes_text(inventory));
        put_bridge(inventory, BRIDGE, "shpchp", 25);
        expect_changes(inventory,
                        "device changed " BRIDGE " driver\ngroup changed 25 state viable\n"
                        "device changed " NIC " availability\n");
        expect_changes(inventory, "");
        put_bridge(inventory, BRIDGE, "pcieport", 25);
        expect_changes(inventory,
                        "device changed " BRIDGE " driver\ngroup changed 25 state viable\n"
                        "device changed " NIC " availability\n");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(BRIDGE)), ==, 0);
        expect_changes(inventory, "device removed " BRIDGE "\ngroup changed 25 state members viable\n");
        put_device(inventory, NIC, "e1000", -1);
        expect_changes(inventory, "group removed 25\ndevice changed " NIC " group availability\n");
}

static void test_category(void) {
        static const struct {
                uint32_t class;
                const char *name, *icon;
        } cases[] = {
                        {0x000100, "display", "video-display"},
                        {0x000000, "other", "computer"},
                        {0x010802, "storage", "drive-harddisk"},
                        {0x020000, "network", "network-wired"},
                        {0x028000, "wireless", "network-wireless"},
                        {0x030200, "display", "video-display"},
                        {0x040100, "audio", "audio-card"},
                        {0x040300, "audio", "audio-card"},
                        {0x040000, "multimedia", "camera-video"},
                        {0x050000, "system", "computer"},
                        {0x050200, "memory", "media-flash"},
                        {0x0b2000, "system", "computer"},
                        {0x0b4000, "accelerator", "computer"},
                        {0x060400, "bridge", "computer"},
                        {0x070002, "serial", "modem"},
                        {0x0c0330, "usb", "drive-removable-media"},
                        {0x0c0400, "storage", "drive-harddisk"},
                        {0x0c0500, "system", "computer"},
                        {0x0d1100, "bluetooth", "network-wireless"},
                        {0x108000, "crypto", "computer"},
                        {0x120000, "accelerator", "computer"},
                        {0xff0000, "other", "computer"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const PciCategory *category = pci_category(cases[i].class);

                g_assert_cmpstr(category->name, ==, cases[i].name);
                g_assert_cmpstr(category->icon, ==, cases[i].icon);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/availability/alone", test_alone);
        g_test_add_func("/availability/group", test_group);
        g_test_add_func("/availability/changes", test_changes);
        g_test_add_func("/availability/category", test_category);
        return g_test_run();
}
