/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "fixture.h"
#include "hardware-database.h"

/* Names from the hardware database: private-processes gives this program mounts of its own. */

#define NIC_LINES(vendor) \
        "pci:v00008086*\n ID_VENDOR_FROM_DATABASE=" vendor "\n\n" \
        "pci:v00008086d000010D3*\n ID_MODEL_FROM_DATABASE=Network \033[2J Card\n\n" \
        "pci:v00008086d000010D3sv00008086sd00000000*\n ID_MODEL_FROM_DATABASE=Network \033[2J Card (Adapter)\n\n" \
        "pci:v*d*sv*sd*bc02*\n ID_PCI_CLASS_FROM_DATABASE=Network controller\n\n" \
        "pci:v*d*sv*sd*bc02sc00*\n ID_PCI_SUBCLASS_FROM_DATABASE=Ethernet controller\n\n"

static void rescan(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

/* The name of the vendor in ListDevices. */
static void expect_listed(Fixture *fixture, const char *vendor) {
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "ListDevices", NULL, NULL);
        g_autoptr(GVariant) rows = g_variant_get_child_value(reply, 0);
        bool found = false;

        for (gsize i = 0; i < g_variant_n_children(rows); i++) {
                g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
                g_autoptr(GVariant) address = g_variant_get_child_value(row, 0);
                g_autoptr(GVariant) details = g_variant_get_child_value(row, 9);
                const char *name = NULL;

                if (!g_str_equal(g_variant_get_string(address, NULL), NIC))
                        continue;
                found = true;
                (void)g_variant_lookup(details, "VendorName", "&s", &name);
                g_assert_cmpstr(name, ==, vendor);
        }
        g_assert_true(found);
}

static void test_names(void) {
        g_autoptr(HardwareDatabase) G_GNUC_UNUSED database = hardware_database_new(NIC_LINES("Our vendor"));
        Fixture *fixture = fixture_start(NULL);

        fixture_property(fixture, NIC_PATH, DEVICE, "VendorName", "'Our vendor'");
        fixture_property(fixture, NIC_PATH, DEVICE, "DeviceName", "'Network \\\\x1b[2J Card'");
        fixture_property(fixture, NIC_PATH, DEVICE, "SubsystemName", "'Adapter'");
        fixture_property(fixture, NIC_PATH, DEVICE, "ClassName", "'Ethernet controller'");
        expect_listed(fixture, "Our vendor");

        g_auto(ProgramResult) shown = vfioctl("show %s", NIC);
        g_assert_cmpint(shown.status, ==, 0);
        g_assert_nonnull(strstr(shown.output, "Our vendor"));
        g_assert_null(strchr(shown.output, '\033'));
        fixture_stop(fixture);
}

/* A rescan looks up the names again, and signals precede its reply. */
static void test_replaced(void) {
        g_autoptr(HardwareDatabase) database = hardware_database_new(NIC_LINES("Our vendor"));
        Fixture *fixture = fixture_start(NULL);

        fixture_property(fixture, NIC_PATH, DEVICE, "VendorName", "'Our vendor'");
        hardware_database_replace(database, NIC_LINES("New name"));
        expect_listed(fixture, "Our vendor");
        rescan(fixture);
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged *'VendorName': <'New name'>*"));
        expect_listed(fixture, "New name");
        fixture_property(fixture, NIC_PATH, DEVICE, "VendorName", "'New name'");

        /* The next signal about the card is that of the detach. */
        rescan(fixture);
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        g_autofree char *signal = fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged *");
        g_assert_null(strstr(signal, "VendorName"));
        fixture_stop(fixture);
}

static void test_missing(void) {
        g_autoptr(HardwareDatabase) database = hardware_database_new(NULL);
        Fixture *fixture = fixture_start(NULL);

        fixture_property(fixture, NIC_PATH, DEVICE, "VendorName", "''");
        expect_listed(fixture, NULL);
        expect_golden(0, "devices", "devices");
        hardware_database_replace(database, NIC_LINES("Our vendor"));
        rescan(fixture);
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged *'VendorName': <'Our vendor'>*"));
        expect_listed(fixture, "Our vendor");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/database/names", test_names);
        g_test_add_func("/bus/database/replaced", test_replaced);
        g_test_add_func("/bus/database/missing", test_missing);
        return g_test_run();
}
