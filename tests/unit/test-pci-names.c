/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hardware-database.h"
#include "kernel/pci-names.h"
#include "private-mounts.h"

#define CARD "82540EM Gigabit Ethernet Controller"

static const PciIds card = {.vendor = 0x8086,
                .device = 0x100e,
                .subsystem_vendor = 0x8086,
                .subsystem_device = 0x001e,
                .class = 0x020000};

static void assert_name(PciNames *names, PciNameKind kind, const PciIds *ids, const char *expected) {
        g_assert_cmpstr(pci_names_lookup(names, kind, ids), ==, expected);
}

static PciNames *names_new(void) {
        PciNames *names = NULL;

        g_assert_cmpint(pci_names_new(&names), ==, 0);
        return names;
}

/* Whether the process has mapped a file with this name. */
static bool is_mapped(const char *name) {
        g_autofree char *maps = NULL;

        g_assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
        return strstr(maps, name);
}

/* The names of this machine's database. */
static void test_known(void) {
        _cleanup_(pci_names_freep) PciNames *names = names_new();

        for (unsigned i = 0; i < 2; i++) {
                assert_name(names, PCI_NAME_VENDOR, &card, "Intel Corporation");
                assert_name(names, PCI_NAME_DEVICE, &card, CARD);
                assert_name(names, PCI_NAME_SUBSYSTEM, &card, "PRO/1000 MT Desktop Adapter");
                assert_name(names, PCI_NAME_CLASS, &card, "Ethernet controller");
        }
        g_assert_false(pci_names_refresh(names));
}

/* No numbers and no "Unknown device". */
static void test_unknown(void) {
        static const PciIds ids = {.vendor = 0xfff0,
                        .device = 0xfff1,
                        .subsystem_vendor = 0xfff2,
                        .subsystem_device = 0xfff3,
                        .class = 0xfefefe};
        static const PciIds unknown_device = {.vendor = 0x8086, .device = 0xfff1};
        _cleanup_(pci_names_freep) PciNames *names = names_new();

        for (PciNameKind kind = 0; kind < _PCI_NAME_KIND_MAX; kind++)
                assert_name(names, kind, &ids, "");
        assert_name(names, PCI_NAME_VENDOR, &unknown_device, "Intel Corporation");
        assert_name(names, PCI_NAME_DEVICE, &unknown_device, "");
        assert_name(names, PCI_NAME_SUBSYSTEM, &unknown_device, "");
}

static void test_not_used(void) {
        PciNames *names = names_new();

        g_assert_false(pci_names_refresh(names));
        g_assert_null(pci_names_free(names));
        g_assert_null(pci_names_free(NULL));
}

#define VENDOR_LINES(name) "pci:v00008086*\n ID_VENDOR_FROM_DATABASE=" name "\n\n"
#define CARD_LINES "pci:v00008086d0000100E*\n ID_MODEL_FROM_DATABASE=" CARD "\n\n"
#define SUBSYSTEM_LINES(device, model) \
        "pci:v00008086d0000100Esv00008086sd0000" device "*\n ID_MODEL_FROM_DATABASE=" model "\n\n"

static void assert_subsystem(PciNames *names, uint16_t device, const char *expected) {
        PciIds ids = card;

        ids.subsystem_device = device;
        assert_name(names, PCI_NAME_DEVICE, &ids, CARD);
        assert_name(names, PCI_NAME_SUBSYSTEM, &ids, expected);
}

#define SUBSYSTEMS \
        CARD_LINES \
        SUBSYSTEM_LINES("0001", CARD " (Adapter)") \
        SUBSYSTEM_LINES("0002", CARD " (Adapter (old))") \
        SUBSYSTEM_LINES("0003", CARD " (Adapter #2)") /* "#" starts a comment */ \
        SUBSYSTEM_LINES("0004", CARD) \
        SUBSYSTEM_LINES("0005", "Our card") \
        SUBSYSTEM_LINES("0006", CARD " 2")

static void test_subsystem(void) {
        g_autoptr(HardwareDatabase) G_GNUC_UNUSED database = hardware_database_new(SUBSYSTEMS);
        _cleanup_(pci_names_freep) PciNames *names = names_new();

        assert_subsystem(names, 1, "Adapter");
        assert_subsystem(names, 2, "Adapter (old)");
        assert_subsystem(names, 3, "Adapter");
        assert_subsystem(names, 4, "");
        assert_subsystem(names, 5, "Our card");
        assert_subsystem(names, 6, CARD " 2");
        assert_subsystem(names, 7, "");
        assert_subsystem(names, 0x100e, CARD); /* the ids of the card itself */
}

static void test_class(void) {
        g_autoptr(HardwareDatabase) G_GNUC_UNUSED database = hardware_database_new(
                        "pci:v*d*sv*sd*bc02*\n ID_PCI_CLASS_FROM_DATABASE=Network controller\n\n"
                        "pci:v*d*sv*sd*bc02sc00*\n ID_PCI_SUBCLASS_FROM_DATABASE=Ethernet controller\n\n");
        _cleanup_(pci_names_freep) PciNames *names = names_new();
        PciIds ids = card;

        assert_name(names, PCI_NAME_CLASS, &ids, "Ethernet controller");
        ids.class = 0x020001;
        assert_name(names, PCI_NAME_CLASS, &ids, "Ethernet controller");
        ids.class = 0x027e00;
        assert_name(names, PCI_NAME_CLASS, &ids, "Network controller [027e]");
        ids.class = 0x030000;
        assert_name(names, PCI_NAME_CLASS, &ids, "");
}

static void test_long_name(void) {
        g_autofree char *name = g_strnfill(PCI_NAME_MAX - 1, 'x');
        g_autofree char *text = g_strdup_printf("pci:v00008086*\n ID_VENDOR_FROM_DATABASE=%sx\n\n", name);
        g_autoptr(HardwareDatabase) G_GNUC_UNUSED database = hardware_database_new(text);
        _cleanup_(pci_names_freep) PciNames *names = names_new();

        assert_name(names, PCI_NAME_VENDOR, &card, name);
}

/* The names that are known stay until the refresh, also without the database. */
static void test_replaced(void) {
        g_autoptr(HardwareDatabase) database = hardware_database_new(VENDOR_LINES("Old") CARD_LINES);
        _cleanup_(pci_names_freep) PciNames *names = names_new();
        PciIds other = card;

        other.device = 0x1234;
        assert_name(names, PCI_NAME_VENDOR, &card, "Old");
        g_assert_true(is_mapped("/etc/udev/hwdb.bin"));
        pci_names_close(names);
        g_assert_false(is_mapped("/etc/udev/hwdb.bin"));

        hardware_database_replace(database, VENDOR_LINES("New") CARD_LINES);
        assert_name(names, PCI_NAME_VENDOR, &card, "Old");
        g_assert_false(is_mapped("/etc/udev/hwdb.bin"));
        assert_name(names, PCI_NAME_VENDOR, &other, "New");
        assert_name(names, PCI_NAME_DEVICE, &card, CARD);
        g_assert_true(pci_names_refresh(names));
        assert_name(names, PCI_NAME_VENDOR, &card, "New");
        assert_name(names, PCI_NAME_DEVICE, &card, CARD);
        g_assert_false(pci_names_refresh(names));

        /* It is replaced while it is mapped. */
        hardware_database_replace(database, VENDOR_LINES("Newer"));
        g_assert_true(pci_names_refresh(names));
        assert_name(names, PCI_NAME_VENDOR, &card, "Newer");
        assert_name(names, PCI_NAME_DEVICE, &card, "");
}

static void test_missing(void) {
        g_autoptr(HardwareDatabase) database = hardware_database_new(NULL);
        _cleanup_(pci_names_freep) PciNames *names = names_new();

        for (PciNameKind kind = 0; kind < _PCI_NAME_KIND_MAX; kind++)
                assert_name(names, kind, &card, "");
        g_assert_false(pci_names_refresh(names));
        hardware_database_replace(database, VENDOR_LINES("Intel"));
        g_assert_true(pci_names_refresh(names));
        assert_name(names, PCI_NAME_VENDOR, &card, "Intel");
        hardware_database_remove(database);
        g_assert_true(pci_names_refresh(names));
        assert_name(names, PCI_NAME_VENDOR, &card, "");
}

/* More sets of ids than are kept. */
static void test_many(void) {
        g_autoptr(HardwareDatabase) G_GNUC_UNUSED database = hardware_database_new(VENDOR_LINES("Intel") CARD_LINES);
        _cleanup_(pci_names_freep) PciNames *names = names_new();
        PciIds ids = card;

        for (unsigned i = 0; i < 3000; i++) {
                ids.device = (uint16_t)i;
                assert_name(names, PCI_NAME_VENDOR, &ids, "Intel");
                assert_name(names, PCI_NAME_DEVICE, &card, CARD);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(private_mounts(), ==, 0);
        g_test_add_func("/pci-names/known", test_known);
        g_test_add_func("/pci-names/unknown", test_unknown);
        g_test_add_func("/pci-names/not-used", test_not_used);
        g_test_add_func("/pci-names/subsystem", test_subsystem);
        g_test_add_func("/pci-names/class", test_class);
        g_test_add_func("/pci-names/long-name", test_long_name);
        g_test_add_func("/pci-names/replaced", test_replaced);
        g_test_add_func("/pci-names/missing", test_missing);
        g_test_add_func("/pci-names/many", test_many);
        return g_test_run();
}
