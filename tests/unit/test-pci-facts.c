/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"
#include "temp-tree.h"

#define NIC "0000:03:00.0"

static PciAddress address_of(const char *text) {
        PciAddress address;

        g_assert_cmpint(pci_address_parse(text, &address), ==, 0);
        return address;
}

static PciFacts read_facts(TempTree *tree, const char *address) {
        PciFacts facts;

        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(address), &facts), ==, 0);
        g_assert_true(pci_address_equal(facts.address, address_of(address)));
        return facts;
}

static TempTree *tree_with_nic(void) {
        TempTree *tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/0000:00:1c.0/" NIC);
        return tree;
}

static void test_endpoint(void) {
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_driver(tree, NIC, "e1000");
        temp_tree_group(tree, NIC, 25);
        temp_tree_attribute(tree, NIC, "numa_node", "1");
        temp_tree_attribute(tree, NIC, "reset_method", "flr bus");
        PciFacts facts = read_facts(tree, NIC);
        g_assert_true(pci_ids_equal(&facts.ids,
                        &(PciIds){.vendor = 0x8086,
                                        .device = 0x100e,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem_device = 0x1100,
                                        .class = 0x020000,
                                        .revision = 3}));
        g_assert_cmpstr(facts.driver, ==, "e1000");
        g_assert_cmpstr(facts.reset_methods, ==, "flr bus");
        g_assert_cmpint(facts.group, ==, 25);
        g_assert_cmpint(facts.numa_node, ==, 1);
        g_assert_true(facts.endpoint);
        g_assert_false(facts.bridge);
        g_assert_false(facts.virtual_function);
        g_assert_false(facts.boot_vga);
        g_assert_cmpuint(facts.virtual_functions_max, ==, 0);
}

/* Only a device on a vfio driver can be in such a group. */
static void test_no_iommu(void) {
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_group(tree, NIC, 25);
        temp_tree_driver(tree, NIC, "vfio-pci");
        g_assert_false(read_facts(tree, NIC).no_iommu);
        temp_tree_file(tree, "vfio-noiommu\n", "sys/kernel/iommu_groups/25/name");
        g_assert_true(read_facts(tree, NIC).no_iommu);
        temp_tree_driver(tree, NIC, "e1000");
        g_assert_false(read_facts(tree, NIC).no_iommu);
}

/* The bridge above a device. */
static void test_upstream(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        PciAddress found;

        temp_tree_device(tree, "pci0000:00/0000:00:1c.0");
        temp_tree_device(tree, "pci0000:00/0000:00:1c.0/0000:03:00.0");
        temp_tree_device(tree, "pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0");
        g_assert_false(read_facts(tree, "0000:00:1c.0").has_upstream);
        PciFacts facts = read_facts(tree, "0000:03:00.0");
        g_assert_true(facts.has_upstream);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(facts.upstream), ==, "0000:00:1c.0");
        g_assert_false(read_facts(tree, "10000:e0:06.0").has_upstream);
        g_assert_cmpint(pci_path_find_upstream("", &found), ==, -ENOENT);
        g_assert_cmpint(pci_path_find_upstream("0000:03:00.0", &found), ==, -ENOENT);
        g_assert_cmpint(pci_path_find_upstream("/0000:03:00.0", &found), ==, -ENOENT);
        g_assert_cmpint(pci_path_find_upstream("0000:00:1c.0/0000:03:00.0", &found), ==, 0);
}

static void test_bare(void) {
        g_autoptr(TempTree) tree = tree_with_nic();
        PciFacts facts = read_facts(tree, NIC);

        g_assert_cmpstr(facts.driver, ==, "");
        g_assert_cmpstr(facts.reset_methods, ==, "");
        g_assert_cmpint(facts.group, ==, IOMMU_GROUP_NONE);
        g_assert_cmpint(facts.numa_node, ==, -1);
}

static void test_classes(void) {
        static const struct {
                const char *class;
                bool bridge, endpoint;
        } cases[] = {
                        {"0x020000", false, true},
                        {"0x030000", false, true},
                        {"0x060000", false, false}, /* host bridge */
                        {"0x060100", false, true},  /* ISA bridge: an ordinary device for VFIO */
                        {"0x060400", true, false},
                        {"0x060401", true, false},
                        {"0x060700", true, false},
                        {"0x060900", true, false},
                        {"0xff0000", false, true},
        };
        g_autoptr(TempTree) tree = tree_with_nic();

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                temp_tree_attribute(tree, NIC, "class", cases[i].class);
                PciFacts facts = read_facts(tree, NIC);

                g_assert_cmpint(facts.bridge, ==, cases[i].bridge);
                g_assert_cmpint(facts.endpoint, ==, cases[i].endpoint);
        }
        /* A bridge header with another class. */
        temp_tree_attribute(tree, NIC, "secondary_bus_number", "4");
        g_assert_true(read_facts(tree, NIC).bridge);
        g_assert_false(read_facts(tree, NIC).endpoint);
}

static void test_virtual_function(void) {
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_device(tree, "pci0000:00/0000:00:1c.0/0000:03:10.0");
        temp_tree_attribute(tree, NIC, "sriov_totalvfs", "7");
        temp_tree_link(tree, "../" NIC, "sys/bus/pci/devices/0000:03:10.0/physfn");
        g_assert_cmpuint(read_facts(tree, NIC).virtual_functions_max, ==, 7);
        g_assert_false(read_facts(tree, NIC).virtual_function);
        PciFacts facts = read_facts(tree, "0000:03:10.0");
        g_assert_true(facts.virtual_function);
        g_assert_true(pci_address_equal(facts.physical_function, address_of(NIC)));

        temp_tree_link(tree, "../nonsense", "sys/bus/pci/devices/0000:03:10.0/physfn");
        g_assert_false(read_facts(tree, "0000:03:10.0").virtual_function);
}

static void test_boot_vga(void) {
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_attribute(tree, NIC, "boot_vga", "1");
        g_assert_false(read_facts(tree, NIC).boot_vga);
        temp_tree_attribute(tree, NIC, "class", "0x030000");
        g_assert_true(read_facts(tree, NIC).boot_vga);
        temp_tree_attribute(tree, NIC, "boot_vga", "0");
        g_assert_false(read_facts(tree, NIC).boot_vga);
}

/* The modalias has all ids but the revision. Without a valid one, each id has an attribute. */
static void test_modalias(void) {
        static const char *const junk[] = {"", "pci:v00008086d",
                        "pci:v00018086d000010D3sv000015D9sd00000021bc02sc80i01",
                        "pci:v00008086d000010D3sv000015D9sd00000021bc02sc80i01x", "usb:v1D6Bp0002"};
        g_autoptr(TempTree) tree = tree_with_nic();

        PciFacts before = read_facts(tree, NIC);
        temp_tree_attribute(tree, NIC, "modalias", "pci:v00008087d000010D3sv000015D9sd00000021bc02sc80i01");
        PciFacts facts = read_facts(tree, NIC);
        g_assert_cmphex(facts.ids.vendor, ==, 0x8087);
        g_assert_cmphex(facts.ids.device, ==, 0x10d3);
        g_assert_cmphex(facts.ids.subsystem_vendor, ==, 0x15d9);
        g_assert_cmphex(facts.ids.subsystem_device, ==, 0x21);
        g_assert_cmphex(facts.ids.class, ==, 0x028001);
        g_assert_cmphex(facts.ids.revision, ==, before.ids.revision);
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++) {
                temp_tree_attribute(tree, NIC, "modalias", junk[i]);
                facts = read_facts(tree, NIC);
                g_assert_true(pci_ids_equal(&facts.ids, &before.ids));
        }
}

static void test_domain(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_device(tree, "pci10000:00/10000:00:00.0");
        temp_tree_device(tree, "pci10000:00/10000:00:00.0/10000:01:00.0");
        temp_tree_group(tree, "10000:01:00.0", 16);
        g_assert_cmpint(read_facts(tree, "10000:01:00.0").group, ==, 16);
}

/* Facts that decide must be valid; facts that only describe are omitted if they are invalid. */
static void test_junk(void) {
        static const char *const needed[] = {
                        "vendor", "device", "subsystem_vendor", "subsystem_device", "class", "revision"};
        static const char *const optional[] = {"numa_node", "boot_vga", "sriov_totalvfs", "reset_method"};
        static const char *const junk[] = {"", "junk", "0x123456789", "-5", "99999999999999999999"};
        g_autofree char *long_text = g_strnfill(5000, 'x');
        PciFacts facts;

        for (size_t i = 0; i < G_N_ELEMENTS(needed); i++)
                for (size_t k = 0; k < G_N_ELEMENTS(junk); k++) {
                        g_autoptr(TempTree) tree = tree_with_nic();

                        temp_tree_attribute(tree, NIC, needed[i], junk[k]);
                        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(NIC), &facts), <, 0);
                }
        for (size_t i = 0; i < G_N_ELEMENTS(optional); i++) {
                g_autoptr(TempTree) tree = tree_with_nic();

                for (size_t k = 0; k < G_N_ELEMENTS(junk); k++) {
                        temp_tree_attribute(tree, NIC, optional[i], junk[k]);
                        g_assert_cmpint(read_facts(tree, NIC).ids.vendor, ==, 0x8086);
                }
                temp_tree_attribute(tree, NIC, optional[i], long_text);
                g_assert_cmpint(read_facts(tree, NIC).ids.vendor, ==, 0x8086);
        }

        g_autoptr(TempTree) tree = tree_with_nic();
        temp_tree_link(tree, "../../../kernel/iommu_groups/x", "sys/bus/pci/devices/" NIC "/iommu_group");
        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(NIC), &facts), ==, -EINVAL);
        temp_tree_link(tree, "../../../kernel/iommu_groups/-1", "sys/bus/pci/devices/" NIC "/iommu_group");
        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(NIC), &facts), ==, -EINVAL);
        temp_tree_link(tree, "../../../kernel/iommu_groups/4294967297", "sys/bus/pci/devices/" NIC "/iommu_group");
        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(NIC), &facts), ==, -EINVAL);
}

static void test_removed(void) {
        g_autoptr(TempTree) tree = tree_with_nic();
        PciFacts facts;
        PciIds ids;

        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of("0000:04:00.0"), &facts), ==, -ENOENT);
        _cleanup_close_ int fd = pci_device_open(tree->kernel, address_of(NIC));
        g_assert_cmpint(fd, >=, 0);
        temp_tree_unplug(tree, NIC);
        g_assert_cmpint(pci_device_open(tree->kernel, address_of(NIC)), ==, -ENOENT);
        g_assert_cmpint(pci_device_read_ids(fd, &ids), ==, -ENOENT);
        g_assert_cmpint(pci_device_read_facts(tree->kernel, address_of(NIC), &facts), ==, -ENOENT);
}

static int on_device(PciAddress address, void *userdata) {
        g_string_append_printf(userdata, "%s ", PCI_ADDRESS_TEXT(address));
        return 0;
}

static int on_any(PciAddress address, void *userdata) {
        (void)address;
        (void)userdata;
        return 3;
}

static void test_for_each(void) {
        g_autoptr(TempTree) tree = tree_with_nic();
        g_autoptr(GString) seen = g_string_new(NULL);

        temp_tree_folder(tree, "sys/bus/pci/devices/nonsense");
        g_assert_cmpint(pci_device_for_each(tree->kernel, on_device, seen), ==, 0);
        g_assert_cmpstr(seen->str, ==, NIC " ");
        g_assert_cmpint(pci_device_for_each(tree->kernel, on_any, NULL), ==, 3);
}

static void test_drivers(void) {
        static const struct {
                const char *name;
                bool vfio, leaves_dma;
        } cases[] = {
                        {"vfio-pci", true, true},
                        {"mlx5_vfio_pci", true, true},
                        {"nvgrace_gpu_vfio_pci", true, true},
                        {"pcieport", false, true},
                        {"pci-stub", false, true},
                        {"e1000", false, false},
                        {"shpchp", false, false},
                        {"pcieport2", false, false},
                        {"", false, false},
                        {"xen-pciback", false, false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpint(pci_driver_is_vfio(cases[i].name), ==, cases[i].vfio);
                g_assert_cmpint(pci_driver_leaves_dma(cases[i].name), ==, cases[i].leaves_dma);
        }
}

static void test_find_controller(void) {
        static const char *const none[] = {
                        "",
                        "/",
                        "0000:03:01.0",
                        "../../../devices/pci0000:00/0000:00:03.0",
                        "../../../devices/pci0000:00/0000:00:1c.0/0000:03:01.0",
                        /* A root bus without a parent, or with a parent that is no PCI function. */
                        "../../../devices/pci10000:e0/10000:e0:06.0",
                        "../../../devices/platform/pci10000:e0/10000:e0:06.0",
                        ("../../../devices/pci0000:00/0000:00:1c.0/a-name-longer-than-an-address/pci10000:e0/"
                         "10000:e0:06.0"),
        };
        static const struct {
                const char *folder, *controller;
        } found[] = {
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0", "0000:00:0e.0"},
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0",
                                        "0000:00:0e.0"},
                        {"../../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0/pci10001:00/10001:00:00.0",
                                        "0000:03:00.0"},
                        /* the innermost controller */
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/pci10001:00/10001:00:00.0",
                                        "10000:e0:06.0"},
        };
        PciAddress address;

        for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
                if (pci_path_find_controller(none[i], &address) != -ENOENT)
                        g_error("%s", none[i]);
        for (size_t i = 0; i < G_N_ELEMENTS(found); i++) {
                g_assert_cmpint(pci_path_find_controller(found[i].folder, &address), ==, 0);
                g_assert_cmpstr(PCI_ADDRESS_TEXT(address), ==, found[i].controller);
        }
}

static void test_path(void) {
        static const struct {
                const char *folder, *path;
        } cases[] = {
                        {"../../../devices/pci0000:00/0000:00:1c.4", "0000:00:1c.4"},
                        {"../../../devices/pci0000:00/0000:00:1c.4/0000:3b:00.0/0000:3c:1f.7",
                                        "0000:00:1c.4/00.0/1f.7"},
                        {"../../../devices/platform/soc/4010000000.pcie/pci0002:00/0002:00:01.0/0002:01:00.0",
                                        "0002:00:01.0/00.0"},
                        {"../../../devices/platform/pcie0/pci0000:00/0000:00:01.0", "0000:00:01.0"},
                        /* behind a VMD, whatever number its domain has */
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0", "0000:00:0e.0/06.0"},
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0",
                                        "0000:00:0e.0/06.0/00.0"},
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci12345678:e0/12345678:e0:06.0/12345678:e1:00.0",
                                        "0000:00:0e.0/06.0/00.0"},
                        {"../../../devices/pci10000:00/10000:00:02.0/10000:01:00.0", "10000:00:02.0/00.0"},
                        /* no PCI functions */
                        {"", ""},
                        {"../../../devices/pci0000:00", ""},
                        {"../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0", ""},
                        {"../../../devices/pci0000:00/0000:00:1c.4/net/ens1", ""},
                        {"../../../devices/pci0000:0/0000:00:1c.4", ""},
                        {"../../../devices/pci000000000:00/0000:00:1c.4", ""},
                        {"../../../devices/virtual/0000:00:1c.4", ""},
        };
        char buffer[PCI_PATH_MAX];

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpstr(pci_path_format(cases[i].folder, buffer), ==, cases[i].path);

        /* Too many steps. */
        g_autoptr(GString) deep = g_string_new("../../../devices/pci0000:00/0000:00:1c.4");
        for (unsigned i = 0; i < 40; i++)
                g_string_append(deep, "/0000:01:00.0");
        g_assert_cmpstr(pci_path_format(deep->str, buffer), ==, "");
}

static void test_behind_controller(void) {
        g_autoptr(TempTree) tree = tree_with_nic();

        temp_tree_device(tree, "pci0000:00/0000:00:0e.0");
        temp_tree_device(tree, "pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0");
        PciFacts facts = read_facts(tree, "10000:e0:06.0");
        g_assert_true(facts.behind_controller);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(facts.controller), ==, "0000:00:0e.0");
        g_assert_false(read_facts(tree, "0000:00:0e.0").behind_controller);
        g_assert_false(read_facts(tree, NIC).behind_controller);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pci-facts/endpoint", test_endpoint);
        g_test_add_func("/pci-facts/no-iommu", test_no_iommu);
        g_test_add_func("/pci-facts/upstream", test_upstream);
        g_test_add_func("/pci-facts/bare", test_bare);
        g_test_add_func("/pci-facts/classes", test_classes);
        g_test_add_func("/pci-facts/virtual-function", test_virtual_function);
        g_test_add_func("/pci-facts/boot-vga", test_boot_vga);
        g_test_add_func("/pci-facts/domain", test_domain);
        g_test_add_func("/pci-facts/modalias", test_modalias);
        g_test_add_func("/pci-facts/invalid-values", test_junk);
        g_test_add_func("/pci-facts/removed", test_removed);
        g_test_add_func("/pci-facts/for-each", test_for_each);
        g_test_add_func("/pci-facts/drivers", test_drivers);
        g_test_add_func("/pci-facts/path", test_path);
        g_test_add_func("/pci-facts/find-controller", test_find_controller);
        g_test_add_func("/pci-facts/behind-controller", test_behind_controller);
        return g_test_run();
}
