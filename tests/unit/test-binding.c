/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/binding.h"
#include "temp-tree.h"

#define NIC "0000:03:01.0"

static Binding read_binding(TempTree *tree, int expected) {
        PciAddress address;
        Binding binding = {.any_driver = true, .link = {.known = true, .vlan = 7}};

        g_assert_cmpint(pci_address_parse(NIC, &address), ==, 0);
        _cleanup_close_ int fd = pci_device_open(tree->kernel, address);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(binding_read(fd, &binding), ==, expected);
        return binding;
}

static void test_read(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/" NIC);
        Binding binding = read_binding(tree, 0);
        g_assert_cmpstr(binding.driver, ==, "");
        g_assert_cmpstr(binding.override, ==, "");
        g_assert_cmpstr(binding.power.control, ==, "");
        g_assert_false(binding.power.d3cold_known);
        g_assert_false(binding.any_driver);
        /* The link settings are no attribute of the device. */
        g_assert_true(binding.link.known);
        g_assert_cmpuint(binding.link.vlan, ==, 7);

        temp_tree_driver(tree, NIC, "e1000");
        temp_tree_attribute(tree, NIC, "driver_override", "none");
        temp_tree_attribute(tree, NIC, "power/control", "auto");
        temp_tree_attribute(tree, NIC, "d3cold_allowed", "1");
        binding = read_binding(tree, 0);
        g_assert_cmpstr(binding.driver, ==, "e1000");
        g_assert_cmpstr(binding.override, ==, "none");
        g_assert_cmpstr(binding.power.control, ==, "auto");
        g_assert_true(binding.power.d3cold_known);
        g_assert_true(binding.power.d3cold_allowed);

        temp_tree_remove(tree, "sys/bus/pci/devices/" NIC "/driver_override");
        (void)read_binding(tree, -ENOENT);
}

static void test_matches(void) {
        static const struct {
                Binding now, wanted;
                bool matches;
        } cases[] = {
                        {{}, {}, true},
                        {{.driver = "e1000"}, {.driver = "e1000"}, true},
                        {{.driver = "e1000"}, {.driver = "e1000e"}, false},
                        {{.driver = "e1000"}, {}, false},
                        {{}, {.driver = "e1000"}, false},
                        {{.override = "x"}, {}, false},
                        {{.override = "x"}, {.override = "x"}, true},
                        {{.power = {.control = "on"}}, {}, false},
                        {{.power = {.control = "on"}}, {.power = {.control = "on"}}, true},
                        {{.power = {.d3cold_known = true}}, {}, false},
                        /* any driver of the host, or none */
                        {{.driver = "e1000"}, {.any_driver = true}, true},
                        {{}, {.any_driver = true}, true},
                        {{.driver = "vfio-pci"}, {.any_driver = true}, false},
                        {{.driver = "mlx5_vfio_pci"}, {.any_driver = true}, false},
                        {{.driver = "igb"}, {.any_driver = true, .driver = "e1000"}, true},
                        {{.driver = "igb", .override = "igb"}, {.any_driver = true}, false},
                        /* the link settings do not count */
                        {{.link = {.known = true, .vlan = 1}}, {}, true},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                if (binding_matches(&cases[i].now, &cases[i].wanted) != cases[i].matches)
                        g_error("case %zu", i);
}

static void test_override_for_probe(void) {
        static const struct {
                Binding wanted;
                const char *override;
        } cases[] = {
                        {{.driver = "e1000"}, "e1000"},
                        {{.driver = "e1000", .override = "x"}, "e1000"},
                        {{.override = "x"}, "x"},
                        {{}, ""},
                        {{.any_driver = true}, ""},
                        {{.any_driver = true, .driver = "e1000"}, ""},
                        {{.any_driver = true, .override = "x"}, "x"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpstr(binding_override_for_probe(&cases[i].wanted), ==, cases[i].override);
}

static void test_set(void) {
        g_autofree char *text = g_strnfill(2 * OVERRIDE_MAX, 'x');
        Binding binding = {};

        binding_set_driver(&binding, "e1000");
        binding_set_override(&binding, "none");
        g_assert_cmpstr(binding.driver, ==, "e1000");
        g_assert_cmpstr(binding.override, ==, "none");
        binding_set_driver(&binding, NULL);
        binding_set_override(&binding, NULL);
        g_assert_cmpstr(binding.driver, ==, "");
        g_assert_cmpstr(binding.override, ==, "");
        binding_set_driver(&binding, text);
        binding_set_override(&binding, text);
        g_assert_cmpuint(strlen(binding.driver), ==, sizeof(binding.driver) - 1);
        g_assert_cmpuint(strlen(binding.override), ==, sizeof(binding.override) - 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/binding/read", test_read);
        g_test_add_func("/binding/matches", test_matches);
        g_test_add_func("/binding/override-for-probe", test_override_for_probe);
        g_test_add_func("/binding/set", test_set);
        return g_test_run();
}
