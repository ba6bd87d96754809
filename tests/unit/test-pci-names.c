/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-names.h"

#include <glib.h>

static void assert_name(PciNames *names, PciNameKind kind, const PciIds *ids, const char *part) {
        char buffer[PCI_NAME_MAX];
        const char *name = pci_names_lookup(names, kind, ids, buffer);

        g_assert_true(name == buffer);
        if (part ? !strstr(name, part) : name[0] != '\0')
                g_error("The name is \"%s\", not \"%s\"", name, strempty(part));
}

static void test_known(void) {
        static const PciIds ids = {.vendor = 0x8086,
                        .device = 0x100e,
                        .subsystem_vendor = 0x8086,
                        .subsystem_device = 0x001e,
                        .class = 0x020000};
        _cleanup_(pci_names_freep) PciNames *names = NULL;

        g_assert_cmpint(pci_names_new(&names), ==, 0);
        for (unsigned i = 0; i < 2; i++) {
                assert_name(names, PCI_NAME_VENDOR, &ids, "Intel");
                assert_name(names, PCI_NAME_DEVICE, &ids, "82540EM Gigabit Ethernet Controller");
                assert_name(names, PCI_NAME_SUBSYSTEM, &ids, "PRO/1000");
                assert_name(names, PCI_NAME_CLASS, &ids, "Ethernet controller");
        }
}

/* No numbers and no "Unknown device". */
static void test_unknown(void) {
        static const PciIds ids = {.vendor = 0xfff0,
                        .device = 0xfff1,
                        .subsystem_vendor = 0xfff2,
                        .subsystem_device = 0xfff3,
                        .class = 0xfefefe};
        static const PciIds unknown_device = {.vendor = 0x8086, .device = 0xfff1};
        _cleanup_(pci_names_freep) PciNames *names = NULL;

        g_assert_cmpint(pci_names_new(&names), ==, 0);
        for (PciNameKind kind = PCI_NAME_VENDOR; kind <= PCI_NAME_CLASS; kind++)
                assert_name(names, kind, &ids, NULL);
        assert_name(names, PCI_NAME_VENDOR, &unknown_device, "Intel");
        assert_name(names, PCI_NAME_DEVICE, &unknown_device, NULL);
        assert_name(names, PCI_NAME_SUBSYSTEM, &unknown_device, NULL);
}

static void test_not_used(void) {
        PciNames *names = NULL;

        g_assert_cmpint(pci_names_new(&names), ==, 0);
        g_assert_null(pci_names_free(names));
        g_assert_null(pci_names_free(NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pci-names/known", test_known);
        g_test_add_func("/pci-names/unknown", test_unknown);
        g_test_add_func("/pci-names/not-used", test_not_used);
        return g_test_run();
}
