/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

/* The methods that only read, with topologies/story.conf. */

static GVariant *list(Fixture *fixture, const char *method) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, method, NULL, &error);

        g_assert_no_error(error);
        return g_variant_get_child_value(reply, 0);
}

static void expect_row(GVariant *rows, size_t i, const char *expected) {
        g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
        g_autofree char *text = g_variant_print(row, false);

        g_assert_cmpstr(text, ==, expected);
}

static void test_list_groups(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GVariant) groups = list(fixture, "ListGroups");

        g_assert_cmpuint(g_variant_n_children(groups), ==, 16);
        expect_row(groups, 0, "(0, '/org/vfiod1/groups/0', 'host', true, ['0000:00:00.0'], '', {})");
        expect_row(groups, 2, "(2, '/org/vfiod1/groups/2', 'host', true, ['0000:00:02.0'], '', {})");
        expect_row(groups, 8,
                        "(9, '/org/vfiod1/groups/9', 'host', false, ['0000:00:1f.0', '0000:00:1f.2', "
                        "'0000:00:1f.3'], '', {})");
        expect_row(groups, 9,
                        "(10, '/org/vfiod1/groups/10', 'host', false, ['0000:02:00.0', '0000:03:01.0', "
                        "'0000:03:02.0'], '', {})");
        expect_row(groups, 15, "(16, '/org/vfiod1/groups/16', 'host', false, ['10000:01:00.0'], '', {})");

        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        g_autoptr(GVariant) detached = list(fixture, "ListGroups");
        expect_row(detached, 9,
                        "(10, '/org/vfiod1/groups/10', 'detached', true, ['0000:02:00.0', '0000:03:01.0', "
                        "'0000:03:02.0'], '/dev/vfio/10', {})");
        fixture_stop(fixture);
}

/* The derived facts among the details: availability, category, icon, and whether it is an endpoint. */
static char *describe_facts(GVariant *details) {
        const char *availability = "", *category = "", *icon = "";
        gboolean endpoint = -1;

        g_variant_lookup(details, "Availability", "&s", &availability);
        g_variant_lookup(details, "Category", "&s", &category);
        g_variant_lookup(details, "Icon", "&s", &icon);
        g_variant_lookup(details, "Endpoint", "b", &endpoint);
        return g_strdup_printf("%s %s %s %d", availability, category, icon, endpoint);
}

/* A row without its last column, whose texts come from the hardware database, and the facts in that column. */
static void expect_device(GVariant *rows, size_t i, const char *expected, const char *expected_facts) {
        g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
        g_autofree char *text = g_variant_print(row, false);
        g_autoptr(GVariant) details = g_variant_get_child_value(row, 9);
        g_autofree char *facts = describe_facts(details);
        GVariantIter iterator;
        const char *name;
        GVariant *value;

        char *details_text = strstr(text, ", {");
        g_assert_nonnull(details_text);
        *details_text = '\0';
        g_assert_cmpstr(text, ==, expected);
        g_assert_cmpstr(facts, ==, expected_facts);

        g_variant_iter_init(&iterator, details);
        while (g_variant_iter_loop(&iterator, "{&sv}", &name, &value)) {
                if (!g_str_has_suffix(name, "Name"))
                        continue;
                g_assert_true(g_str_equal(name, "VendorName") || g_str_equal(name, "DeviceName") ||
                                g_str_equal(name, "ClassName"));
                g_assert_true(g_variant_is_of_type(value, G_VARIANT_TYPE_STRING));
                g_assert_cmpstr(g_variant_get_string(value, NULL), !=, "");
        }
}

static void test_list_devices(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GVariant) devices = list(fixture, "ListDevices");

        g_assert_cmpuint(g_variant_n_children(devices), ==, 21);
        expect_device(devices, 0,
                        "('0000:00:00.0', '/org/vfiod1/devices/_30000_3a00_3a00_2e0', 0, 'driverless', '', 393216, "
                        "32902, 10688, []",
                        "host-only bridge computer 0");
        expect_device(devices, 12,
                        "('0000:03:01.0', '/org/vfiod1/devices/_30000_3a03_3a01_2e0', 10, 'host', 'e1000', 131072, "
                        "32902, 4110, ['ens1']",
                        "available network network-wired 1");
        expect_device(devices, 14,
                        "('0000:04:00.0', '/org/vfiod1/devices/_30000_3a04_3a00_2e0', 11, 'host', 'nvme', 67586, "
                        "6966, 16, ['nvme0n1']",
                        "available storage drive-harddisk 1");
        expect_device(devices, 19,
                        "('10000:00:00.0', '/org/vfiod1/devices/_310000_3a00_3a00_2e0', 15, 'host', 'pcieport', "
                        "394240, 32902, 8221, []",
                        "host-only bridge computer 0");
        expect_device(devices, 20,
                        "('10000:01:00.0', '/org/vfiod1/devices/_310000_3a01_3a00_2e0', 16, 'host', 'nvme', 67586, "
                        "5197, 43018, ['nvme1n1']",
                        "available storage drive-harddisk 1");

        /* a detached device is listed with its former names */
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "Detach", "('ens1', " ALL ")", &error);
        g_assert_no_error(error);
        g_assert_nonnull(reply);
        g_autoptr(GVariant) detached = list(fixture, "ListDevices");
        expect_device(detached, 12,
                        "('0000:03:01.0', '/org/vfiod1/devices/_30000_3a03_3a01_2e0', 10, 'detached', 'vfio-pci', "
                        "131072, 32902, 4110, ['ens1']",
                        "detached network network-wired 1");
        fixture_stop(fixture);
}

static void test_selectors(void) {
        static const char *const port1[] = {
                        PORT1, "03:01.0", "3:1.0", "pci_0000_03_01_0", "ens1", " ens1\\n", "PCI:3:1:0"};
        static const char *const nvme[] = {"0000:04:00.0", "04:00.0", "nvme0n1", "/dev/nvme0n1", "nvme0n1p2",
                        "/dev/nvme0n1p2", "pci_0000_04_00_0", "group:11"};
        static const char *const vmd[] = {"10000:01:00.0", "pci_10000_01_00_0", "nvme1n1", "group:16"};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(port1); i++) {
                manager_expect(fixture, "GetDevice", port1[i], NULL, "('" PORT1_PATH "',)");
                manager_expect(fixture, "GetGroup", port1[i], NULL, "('" GROUP10 "',)");
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(nvme); i++) {
                manager_expect(fixture, "GetDevice", nvme[i], NULL, "('/org/vfiod1/devices/_30000_3a04_3a00_2e0',)");
                manager_expect(fixture, "GetGroup", nvme[i], NULL, "('/org/vfiod1/groups/11',)");
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(vmd); i++) {
                manager_expect(fixture, "GetDevice", vmd[i], NULL, "('/org/vfiod1/devices/_310000_3a01_3a00_2e0',)");
                manager_expect(fixture, "GetGroup", vmd[i], NULL, "('/org/vfiod1/groups/16',)");
        }
        manager_expect(fixture, "GetDevice", "sda", NULL, "('/org/vfiod1/devices/_30000_3a00_3a1f_2e2',)");
        manager_expect(fixture, "GetDevice", "sda1", NULL, "('/org/vfiod1/devices/_30000_3a00_3a1f_2e2',)");
        manager_expect(fixture, "GetGroup", "group:10", NULL, "('" GROUP10 "',)");
        manager_expect(fixture, "GetGroup", BRIDGE, NULL, "('" GROUP10 "',)");
        fixture_stop(fixture);
}

static void test_wrong_selectors(void) {
        static const char *const invalid[] = {"", " ", "group:", "group:x", "group:-1", "group:1 0", "group:1234567890",
                        "ens 1", "ens\\n1", "02:00", "8086:10d3"};
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *long_name = g_strnfill(5000, 'x');

        for (unsigned i = 0; i < G_N_ELEMENTS(invalid); i++) {
                manager_refused(fixture, "GetDevice", invalid[i], NULL, INVALID_ARGS, "*");
                manager_refused(fixture, "GetGroup", invalid[i], NULL, INVALID_ARGS, "*");
                manager_refused(fixture, "Detach", invalid[i], NO_OPTIONS, INVALID_ARGS, "*");
                manager_refused(fixture, "Reattach", invalid[i], NO_OPTIONS, INVALID_ARGS, "*");
        }
        manager_refused(fixture, "GetDevice", long_name, NULL, INVALID_ARGS, "*");
        manager_refused(fixture, "GetDevice", "group:10", NULL, INVALID_ARGS, "Group 10 has 2 endpoints*");
        manager_refused(fixture, "GetDevice", "group:2", NULL, "NotEndpoint", "Group 2 has only bridges*");
        manager_refused(fixture, "GetDevice", "0000:ff:00.0", NULL, "NoSuchDevice", "*0000:ff:00.0*");
        manager_refused(fixture, "GetDevice", "3:9.0", NULL, "NoSuchDevice", "*");
        manager_refused(fixture, "GetDevice", "06:00", NULL, INVALID_ARGS,
                        "'06:00' is a slot*: 0000:06:00.0 (nouveau), 0000:06:00.1 (snd_hda_intel).");
        manager_refused(fixture, "GetDevice", "10de:2484", NULL, INVALID_ARGS,
                        "'10de:2484' are ids*: 0000:06:00.0 (nouveau).");
        manager_refused(fixture, "GetDevice", "0000:03:01.8", NULL, "NoSuchDevice", "*0000:03:01.8*");
        manager_refused(fixture, "GetDevice", "../../etc", NULL, "NoSuchDevice", "*'../../etc'*");
        manager_refused(fixture, "GetDevice", "wlan9", NULL, "NoSuchDevice", "*'wlan9'*vfioctl devices*");
        manager_refused(fixture, "GetDevice", "ens1p1", NULL, "NoSuchDevice", "*'ens1p1'*");
        manager_refused(fixture, "GetDevice", "group:77", NULL, "NoSuchGroup", "*77*");
        manager_refused(fixture, "GetGroup", "group:8", NULL, "NoSuchGroup", "*8*");
        manager_refused(fixture, "GetGroup", "wlan9", NULL, "NoSuchDevice", "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "GetDevice", "(7,)", INVALID_ARGS, "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "GetDevice", NULL, INVALID_ARGS, "*");
        fixture_stop(fixture);
}

/* A name that a device had when it was detached selects it while it is detached; a device that has the name now has
 * priority. */
static void test_old_names(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " ens3");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" PORT1_PATH "',)");
        manager_refused(fixture, "GetDevice", "ens1", NULL, "NoSuchDevice", "*");
        fixture_stop(fixture);
}

static void test_properties(void) {
        static const char *const expected[][2] = {
                        {"Address", "'10000:01:00.0'"},
                        {"State", "'host'"},
                        {"Driver", "'nvme'"},
                        {"Endpoint", "true"},
                        {"GroupNumber", "16"},
                        {"Group", "'/org/vfiod1/groups/16'"},
                        {"Node", "''"},
                        {"VendorId", "5197"},
                        {"DeviceId", "43018"},
                        {"Class", "67586"},
                        {"NumaNode", "0"},
                        {"LinkSpeed", "8000"},
                        {"LinkSpeedMax", "16000"},
                        {"LinkWidth", "4"},
                        {"LinkWidthMax", "4"},
                        {"ResetMethods", "['flr', 'bus']"},
                        {"BootVga", "false"},
                        {"PhysicalFunction", "''"},
                        {"VirtualFunctions", "[]"},
                        {"VirtualFunctionsMax", "0"},
                        {"NetworkInterfaces", "[]"},
                        {"BlockDevices", "['nvme1n1']"},
                        {"OriginalDriver", "''"},
                        {"OriginalOverride", "''"},
                        {"OriginalNames", "[]"},
        };
        const char *path = BUS_PATH "/devices/_310000_3a01_3a00_2e0";
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++)
                fixture_property(fixture, path, DEVICE, expected[i][0], expected[i][1]);
        fixture_property(fixture, PORT1_PATH, DEVICE, "SubsystemVendorId", "6900");
        fixture_property(fixture, PORT1_PATH, DEVICE, "SubsystemDeviceId", "4352");
        fixture_property(fixture, PORT1_PATH, DEVICE, "Revision", "0x03");
        fixture_property(fixture, PORT1_PATH, DEVICE, "LinkSpeedMax", "0");
        fixture_property(fixture, PORT1_PATH, DEVICE, "NumaNode", "-1");
        fixture_property(fixture, PORT1_PATH, DEVICE, "ResetMethods", "[]");
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a00_3a01_2e0", DEVICE, "BootVga", "true");
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a02_3a00_2e0", DEVICE, "Endpoint", "false");
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "VirtualFunctionsMax", "7");

        fixture_property(fixture, GROUP10, GROUP, "Number", "10");
        fixture_property(fixture, GROUP10, GROUP, "State", "'host'");
        fixture_property(fixture, GROUP10, GROUP, "Viable", "false");
        fixture_property(fixture, GROUP10, GROUP, "Blockers",
                        "[('0000:03:01.0', 'e1000', 'e1000 does DMA for the host', {}), ('0000:03:02.0', 'e1000', "
                        "'e1000 "
                        "does DMA for the host', {})]");
        fixture_property(fixture, GROUP10, GROUP, "Members", "['0000:02:00.0', '0000:03:01.0', '0000:03:02.0']");
        fixture_property(fixture, GROUP10, GROUP, "Devices",
                        "['/org/vfiod1/devices/_30000_3a02_3a00_2e0', '" PORT1_PATH "', '" PORT2_PATH "']");
        fixture_property(fixture, GROUP10, GROUP, "Node", "''");

        fixture_property(fixture, BUS_PATH, MANAGER, "Iommu", "'on'");
        fixture_property(fixture, BUS_PATH, MANAGER, "DeviceCount", "21");
        fixture_property(fixture, BUS_PATH, MANAGER, "GroupCount", "16");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "0");
        fixture_refused(fixture, BUS_PATH, PROPERTIES, "Set", "('" MANAGER "', 'Version', <'9'>)",
                        "org.freedesktop.DBus.Error.PropertyReadOnly", "*");
        fixture_stop(fixture);
}

static void test_no_iommu(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "no-iommu"});

        fixture_expect(fixture, BUS_PATH, MANAGER, "ListGroups", NULL, "([],)");
        fixture_property(fixture, BUS_PATH, MANAGER, "GroupCount", "0");
        fixture_property(fixture, BUS_PATH, MANAGER, "DeviceCount", "2");
        g_autofree char *state = fixture_get(fixture, BUS_PATH, MANAGER, "Iommu");
        g_assert_cmpstr(state, !=, "'on'");
        manager_refused(fixture, "GetGroup", "ens3", NULL, "NoIommu", "*IOMMU is *");
        manager_refused(fixture, "GetGroup", "group:1", NULL, "NoSuchGroup", "*");
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "NoIommu", "*IOMMU is *");
        manager_refused(fixture, "Reattach", "ens3", NO_OPTIONS, "NotDetached", "*");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('/org/vfiod1/devices/_30000_3a00_3a03_2e0',)");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/reading/list-groups", test_list_groups);
        g_test_add_func("/bus/reading/list-devices", test_list_devices);
        g_test_add_func("/bus/reading/selectors", test_selectors);
        g_test_add_func("/bus/reading/wrong-selectors", test_wrong_selectors);
        g_test_add_func("/bus/reading/old-names", test_old_names);
        g_test_add_func("/bus/reading/properties", test_properties);
        g_test_add_func("/bus/reading/no-iommu", test_no_iommu);
        return g_test_run();
}
