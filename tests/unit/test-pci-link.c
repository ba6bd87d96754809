/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"
#include "kernel/pci-link.h"
#include "model.h"
#include "temp-tree.h"

#define NIC "0000:00:03.0"

static TempTree *tree_with_nic(void) {
        TempTree *tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/" NIC);
        return tree;
}

static PciLinkReading read_link(TempTree *tree) {
        PciLinkReading reading;

        g_assert_cmpint(pci_device_read_link(tree->kernel, address_of(NIC), NULL, &reading), ==, 0);
        return reading;
}

static void test_texts(void) {
        static const struct {
                const char *text;
                unsigned speed;
        } cases[] = {
                        {"2.5 GT/s PCIe", 2500},
                        {"5.0 GT/s PCIe", 5000},
                        {"8.0 GT/s PCIe", 8000},
                        {"16.0 GT/s PCIe", 16000},
                        {"32.0 GT/s PCIe", 32000},
                        {"64.0 GT/s PCIe", 64000},
                        {"128.0 GT/s PCIe", 128000},
                        {"8 GT/s", 8000},
                        {"Unknown", 0},
                        {"", 0},
                        {"junk", 0},
                        {"9999.9 GT/s PCIe", PCI_LINK_SPEED_MAX},
                        {"10000.0 GT/s PCIe", 0},
                        {"16777.3 GT/s PCIe", 0},
                        {"99999999999999999999", 0},
        };
        g_autoptr(TempTree) tree = tree_with_nic();
        PciFacts facts;

        temp_tree_attribute(tree, NIC, "current_link_width", "4");
        temp_tree_attribute(tree, NIC, "max_link_width", "16");
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                temp_tree_attribute(tree, NIC, "max_link_speed", "64.0 GT/s PCIe");
                temp_tree_attribute(tree, NIC, "current_link_speed", cases[i].text);
                PciLink link = read_link(tree).link;

                g_assert_cmpuint(link.speed, ==, cases[i].speed);
                g_assert_cmpuint(link.speed_max, ==, 64000);
                g_assert_cmpuint(link.width, ==, 4);
                g_assert_cmpuint(link.width_max, ==, 16);
        }
        temp_tree_attribute(tree, NIC, "max_link_width", "255");
        temp_tree_attribute(tree, NIC, "current_link_width", "junk");
        g_assert_cmpuint(read_link(tree).link.width_max, ==, 0);
        g_assert_cmpuint(read_link(tree).link.width, ==, 0);
        /* No PCIe link: the other attributes do not count. */
        temp_tree_attribute(tree, NIC, "max_link_speed", "Unknown");
        PciLinkReading none = read_link(tree);
        g_assert_true(pci_link_equal(&none.link, &(PciLink){}));

        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(NIC), &facts), ==, 0);
        g_assert_cmpuint(read_link(tree).incarnation, ==, facts.incarnation);
}

/* A suspended device is not woken up. */
static void test_suspended(void) {
        static const struct {
                const char *status;
                bool awake;
        } cases[] = {
                        {"active", true},
                        {"unsupported", true},
                        {"suspended", false},
                        {"suspending", false},
                        {"resuming", false},
                        {"error", false},
        };
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_attribute(tree, NIC, "max_link_speed", "8.0 GT/s PCIe");
        g_assert_true(read_link(tree).awake); /* a kernel without power management */
        temp_tree_folder(tree, "sys/devices/pci0000:00/" NIC "/power");
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                temp_tree_attribute(tree, NIC, "power/runtime_status", cases[i].status);
                PciLinkReading reading = read_link(tree);

                g_assert_cmpint(reading.awake, ==, cases[i].awake);
                g_assert_cmpuint(reading.link.speed_max, ==, cases[i].awake ? 8000 : 0);
        }
}

/* The maximum of a card that is known is not read again; that of another card is. */
static void test_known(void) {
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_attribute(tree, NIC, "max_link_speed", "8.0 GT/s PCIe");
        temp_tree_attribute(tree, NIC, "max_link_width", "16");
        PciLinkReading known = read_link(tree), reading;
        temp_tree_attribute(tree, NIC, "max_link_speed", "16.0 GT/s PCIe");
        temp_tree_attribute(tree, NIC, "max_link_width", "4");
        temp_tree_attribute(tree, NIC, "current_link_width", "2");
        g_assert_cmpint(pci_device_read_link(tree->kernel, address_of(NIC), &known, &reading), ==, 0);
        g_assert_cmpuint(reading.link.speed_max, ==, 8000);
        g_assert_cmpuint(reading.link.width_max, ==, 16);
        g_assert_cmpuint(reading.link.width, ==, 2);
        /* Of these, the one that could not be read is read again. */
        known.link.width_max = 0;
        g_assert_cmpint(pci_device_read_link(tree->kernel, address_of(NIC), &known, &reading), ==, 0);
        g_assert_cmpuint(reading.link.speed_max, ==, 8000);
        g_assert_cmpuint(reading.link.width_max, ==, 4);
        known.link.width_max = 16;
        known.incarnation++;
        g_assert_cmpint(pci_device_read_link(tree->kernel, address_of(NIC), &known, &reading), ==, 0);
        g_assert_cmpuint(reading.link.speed_max, ==, 16000);
        g_assert_cmpuint(reading.link.width_max, ==, 4);
}

static void test_removed(void) {
        g_autoptr(TempTree) tree = tree_with_nic();
        PciLinkReading reading;

        g_assert_cmpint(pci_device_read_link(tree->kernel, address_of("0000:00:04.0"), NULL, &reading), ==, -ENOENT);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pci-link/texts", test_texts);
        g_test_add_func("/pci-link/suspended", test_suspended);
        g_test_add_func("/pci-link/known", test_known);
        g_test_add_func("/pci-link/removed", test_removed);
        return g_test_run();
}
