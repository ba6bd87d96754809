/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "kernel/pci-address.h"

/* An address that parses is exactly what the address is formatted as. */
static void check(const char *text, PciAddress address) {
        g_autofree char *upper = g_ascii_strup(text, -1), *path = g_strdup_printf("/devices/pci0000:00/%s/net/x", text);
        PciAddress again;

        g_assert_cmpuint(address.slot, <, 32);
        g_assert_cmpuint(address.function, <, 8);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(address), ==, text);
        g_assert_cmpint(pci_address_parse(PCI_ADDRESS_TEXT(address), &again), ==, 0);
        g_assert_true(pci_address_equal(again, address));
        g_assert_cmpint(pci_address_parse_loose(upper, &again), ==, 0);
        g_assert_true(pci_address_equal(again, address));
        g_assert_cmpint(pci_address_from_devpath(path, &again), ==, 0);
        g_assert_true(pci_address_equal(again, address));
        g_assert_true(pci_address_parse_component(text, &again));
        g_assert_true(pci_address_equal(again, address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = fuzz_text(data, size);
        PciAddress address;

        if (pci_address_parse(text, &address) >= 0)
                check(text, address);
        if (pci_address_parse_loose(text, &address) >= 0) {
                g_autofree char *exact = g_strdup(PCI_ADDRESS_TEXT(address));

                check(exact, address);
                g_assert_cmpuint(address.function, ==, (unsigned)g_ascii_xdigit_value(text[strlen(text) - 1]));
        }
        if (pci_address_from_devpath(text, &address) >= 0)
                g_assert_nonnull(strstr(text, PCI_ADDRESS_TEXT(address)));
        if (pci_address_parse_component(text, &address))
                g_assert_true(g_str_has_prefix(text, PCI_ADDRESS_TEXT(address)));
        return 0;
}
