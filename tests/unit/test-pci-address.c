/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-address.h"

#include <glib.h>

static void test_parse(void) {
        static const struct {
                const char *text;
                PciAddress address;
        } cases[] = {
                        {"0000:00:00.0", {0, 0, 0, 0}},
                        {"0000:3b:1f.7", {0, 0x3b, 31, 7}},
                        {"ffff:ff:1f.7", {0xffff, 0xff, 31, 7}},
                        {"10000:01:00.0", {0x10000, 1, 0, 0}},
                        {"123456:01:00.0", {0x123456, 1, 0, 0}},
                        {"fedcba9:01:00.0", {0xfedcba9, 1, 0, 0}},
                        {"ffffffff:ff:1f.7", {0xffffffff, 0xff, 31, 7}},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                PciAddress address;

                g_assert_cmpint(pci_address_parse(cases[i].text, &address), ==, 0);
                g_assert_true(pci_address_equal(address, cases[i].address));
                g_assert_cmpstr(PCI_ADDRESS_TEXT(address), ==, cases[i].text);
                g_assert_cmpint(pci_address_parse_loose(cases[i].text, &address), ==, 0);
                g_assert_true(pci_address_equal(address, cases[i].address));
        }
}

static void test_junk(void) {
        static const char *const junk[] = {
                        "",
                        ":",
                        "0000",
                        "0000:",
                        "0000:00",
                        "0000:00:00",
                        "0000:00:00.",
                        "0000:00:00.8",
                        "0000:00:20.0",
                        "0000:00:00.00",
                        "0000:00:00.0 ",
                        " 0000:00:00.0",
                        "0000:00:00.0\n",
                        "0000:00:00:0",
                        "0000.00:00.0",
                        "0000:000:00.0",
                        "100000000:00:00.0",
                        "000000000:00:00.0",
                        "0x00:00:00.0",
                        "-000:00:00.0",
                        "+000:00:00.0",
                        "000g:00:00.0",
                        "0000:0g:00.0",
                        "0000:00:0g.0",
                        "0000:00:00.g",
                        "0000:00:00.0/../0000:00:01.0",
                        "0000:00:00.0%n",
                        "pci0000:00",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++) {
                PciAddress address = {1, 2, 3, 4};

                g_assert_cmpint(pci_address_parse(junk[i], &address), ==, -EINVAL);
                g_assert_cmpint(pci_address_parse_loose(junk[i], &address), ==, -EINVAL);
                /* The result is unchanged on failure. */
                g_assert_true(pci_address_equal(address, (PciAddress){1, 2, 3, 4}));
        }
}

/* Only the loose form, and the address that it means. */
static void test_loose(void) {
        static const char *const cases[][2] = {
                        {"3b:00.1", "0000:3b:00.1"},
                        {"FF:1F.7", "0000:ff:1f.7"},
                        {"6:0.0", "0000:06:00.0"},
                        {"0:6:0.0", "0000:06:00.0"},
                        {"1:3b:00.1", "0001:3b:00.1"},
                        {"000:00:00.0", "0000:00:00.0"},
                        {"0000:0:00.0", "0000:00:00.0"},
                        {"0000:3B:0A.1", "0000:3b:0a.1"},
                        {"ABCDE:3B:0A.1", "abcde:3b:0a.1"},
                        {"00000:00:00.0", "0000:00:00.0"},
                        {"00000000:06:00.0", "0000:06:00.0"},
                        {"00010000:E1:00.0", "10000:e1:00.0"},
        };
        static const char *const junk[] = {"3b:00.1x", "0000:3b:00.1.0000:3b:00.1", "3b:00.", "3b:00", ":3b:00.1",
                        "3b::00.1", "3b:00.11", "3b:20.0", "0:0:3b:00.0", "3b:00.1:", "3 b:00.1"};
        PciAddress address;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpint(pci_address_parse(cases[i][0], &address), ==, -EINVAL);
                g_assert_cmpint(pci_address_parse_loose(cases[i][0], &address), ==, 0);
                g_assert_cmpstr(PCI_ADDRESS_TEXT(address), ==, cases[i][1]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++)
                g_assert_cmpint(pci_address_parse_loose(junk[i], &address), ==, -EINVAL);
}

static void test_slot(void) {
        static const char *const cases[][2] = {{"06:00", "0000:06:00.0"}, {"0000:3B:1f", "0000:3b:1f.0"},
                        {"6:1", "0000:06:01.0"}, {"10000:e1:00", "10000:e1:00.0"}};
        static const char *const junk[] = {
                        "", ":", "06", "06:", "06:00.", "06:00.0", "06:20", "10de:2484", "06:000", "52:54:00:00:00:03"};
        PciAddress address;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpint(pci_address_parse_slot(cases[i][0], &address), ==, 0);
                g_assert_cmpstr(PCI_ADDRESS_TEXT(address), ==, cases[i][1]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++)
                g_assert_cmpint(pci_address_parse_slot(junk[i], &address), ==, -EINVAL);
}

/* Every bus, slot and function of domains of each length; the keys are in the same order. */
static void test_round_trip(void) {
        static const uint32_t domains[] = {0, 1, 0xffff, 0x10000, 0xfffff, 0x100000, 0xfffffff, 0x10000000, 0xffffffff};
        uint64_t last = 0;
        bool first = true;

        for (size_t d = 0; d < G_N_ELEMENTS(domains); d++)
                for (unsigned rest = 0; rest <= 0xffff; rest++) {
                        PciAddress address = {domains[d], (uint8_t)(rest >> 8), rest >> 3 & 31, rest & 7}, again;
                        uint64_t key = pci_address_key(address);

                        if (pci_address_parse(PCI_ADDRESS_TEXT(address), &again) < 0 ||
                                        !pci_address_equal(address, again) || (!first && key <= last))
                                g_error("%s", PCI_ADDRESS_TEXT(address));
                        last = key;
                        first = false;
                }
}

static void test_devpath(void) {
        static const struct {
                const char *path, *address;
        } cases[] = {
                        {"/devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/ens1", "0000:03:00.0"},
                        {"/devices/pci0000:00/0000:00:1c.0", "0000:00:1c.0"},
                        {"../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda",
                                        "0000:00:1f.2"},
                        {"/devices/pci0000:00/0000:00:0e.0/pci10000:00/10000:00:02.0/10000:01:00.0/nvme/nvme0/nvme0n1",
                                        "10000:01:00.0"},
                        {"0000:03:00.0", "0000:03:00.0"},
                        {"/devices/virtual/net/lo", NULL},
                        {"/devices/pci0000:00", NULL},
                        {"/devices/pci0000:00/0000:00:1c.0x/net", NULL},
                        {"", NULL},
                        {"/", NULL},
                        {"//", NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                PciAddress address;
                int r = pci_address_from_devpath(cases[i].path, &address);

                if (!cases[i].address) {
                        g_assert_cmpint(r, ==, -ENOENT);
                        continue;
                }
                g_assert_cmpint(r, ==, 0);
                g_assert_cmpstr(PCI_ADDRESS_TEXT(address), ==, cases[i].address);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pci-address/parse", test_parse);
        g_test_add_func("/pci-address/junk", test_junk);
        g_test_add_func("/pci-address/loose", test_loose);
        g_test_add_func("/pci-address/slot", test_slot);
        g_test_add_func("/pci-address/round-trip", test_round_trip);
        g_test_add_func("/pci-address/devpath", test_devpath);
        return g_test_run();
}
