/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <string.h>

/* Texts that give devices to other programs: GetFragment, and vfioctl show with the options for it. */

static GVariant *get(Fixture *fixture, const char *selector, const char *format, const char *options) {
        g_autofree char *arguments = g_strdup_printf("('%s', '%s', %s)", selector, format, options);
        g_autoptr(GError) error = NULL;
        GVariant *reply = fixture_call(fixture, BUS_PATH, MANAGER, "GetFragment", arguments, &error);

        g_assert_no_error(error);
        g_assert_true(g_variant_is_of_type(reply, G_VARIANT_TYPE("(sa{sv})")));
        return reply;
}

/* The text of a fragment. */
static char *text_of(Fixture *fixture, const char *selector, const char *format, const char *options) {
        g_autoptr(GVariant) reply = get(fixture, selector, format, options);
        char *text;

        g_variant_get_child(reply, 0, "s", &text);
        g_assert_true(g_str_has_suffix(text, "\n"));
        return text;
}

static void expect_text(
                Fixture *fixture, const char *selector, const char *format, const char *options, const char *expected) {
        g_autofree char *text = text_of(fixture, selector, format, options);

        g_assert_cmpstr(text, ==, expected);
}

static void expect_refused(Fixture *fixture, const char *selector, const char *format, const char *options,
                const char *name, const char *pattern) {
        g_autofree char *arguments = g_strdup_printf("('%s', '%s', %s)", selector, format, options);

        fixture_refused(fixture, BUS_PATH, MANAGER, "GetFragment", arguments, name, pattern);
}

static void test_arguments(void) {
        Fixture *fixture = fixture_start(NULL);

        static const char *const formats[] = {"qemu", "cloud-hypervisor", "crosvm", "cdi"};
        for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
                expect_refused(fixture, "ens1", formats[i], NO_OPTIONS, "NotDetached",
                                "No device of group 10 is on a vfio driver: detach it first.");
        expect_refused(fixture, "ens1", "xen", NO_OPTIONS, INVALID_ARGS,
                        "There is no format 'xen': they are qemu, libvirt, nodedev, cloud-hypervisor, crosvm, cdi.");
        expect_refused(fixture, "ens1", "libvirt", "{'iommufd': <true>}", INVALID_ARGS,
                        "The format 'libvirt' has no form for an iommufd.");
        expect_refused(fixture, "ens1", "qemu", "{'frob': <true>}", INVALID_ARGS, "GetFragment has no option 'frob'.");
        expect_refused(fixture, "ens77", "qemu", NO_OPTIONS, "NoSuchDevice", "*ens77*");

        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        expect_text(fixture, "ens2", "qemu", NO_OPTIONS,
                        "-device vfio-pci,host=0000:03:01.0 -device vfio-pci,host=0000:03:02.0\n");
        expect_text(fixture, "group:10", "cloud-hypervisor", NO_OPTIONS,
                        "--device path=/sys/bus/pci/devices/0000:03:01.0/ path=/sys/bus/pci/devices/0000:03:02.0/\n");
        expect_text(fixture, PORT1, "crosvm", NO_OPTIONS,
                        "--vfio /sys/bus/pci/devices/0000:03:01.0 --vfio /sys/bus/pci/devices/0000:03:02.0\n");
        g_autoptr(GVariant) reply = get(fixture, PORT1, "crosvm", NO_OPTIONS);
        g_autoptr(GVariant) details = g_variant_get_child_value(reply, 1);
        g_autofree char *shown = g_variant_print(details, false);
        g_assert_cmpstr(shown, ==,
                        "{'devices': <['0000:03:01.0', '0000:03:02.0']>, 'arguments': <['--vfio', "
                        "'/sys/bus/pci/devices/0000:03:01.0', '--vfio', '/sys/bus/pci/devices/0000:03:02.0']>, "
                        "'nodes': "
                        "<['/dev/vfio/10']>}");
        expect_refused(fixture, "ens1", "qemu", "{'iommufd': <true>}", "NotViable",
                        "The running kernel has no nodes for single devices (CONFIG_VFIO_DEVICE_CDEV)*");
        fixture_stop(fixture);
}

/* A bridge that does DMA for the host. */
static void test_not_viable(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_write(fixture, "0000:03:02.0", "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, "e1000", "sys/bus/pci/devices/0000:03:02.0/driver_override");
        fixture_write(fixture, "0000:03:02.0", "sys/bus/pci/drivers/e1000/bind");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "Driver", "'e1000'");
        expect_refused(fixture, "ens1", "qemu", NO_OPTIONS, "NotViable",
                        "Group 10 is not viable, so no virtual machine can use it: 0000:03:02.0, driver e1000: e1000 "
                        "does DMA for "
                        "the host.");
        EXPECT(5, "vfioctl: *Group 10 is not viable*0000:03:02.0, driver e1000*", "show --qemu ens1");
        fixture_stop(fixture);
}

static void test_iommufd(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "cdevs on");
        EXPECT(0, "", "detach nvme1n1");
        expect_text(fixture, "10000:01:00.0", "qemu", NO_OPTIONS,
                        "-device vfio-pci,sysfsdev=/sys/bus/pci/devices/10000:01:00.0\n");
        expect_text(fixture, "10000:01:00.0", "qemu", "{'iommufd': <true>}",
                        "-object iommufd,id=iommufd0 -device "
                        "vfio-pci,sysfsdev=/sys/bus/pci/devices/10000:01:00.0,iommufd=iommufd0\n");
        json_t *cdi = vfioctl_json("show --cdi --iommufd 10000:01:00.0");
        expect_json(cdi, "backend", "\"iommufd\"");
        expect_json(cdi, "nodes", "[\"/dev/vfio/devices/vfio0\"]");
        json_decref(cdi);
        EXPECT(0, "", "reattach 10000:01:00.0");

        /* a kernel without nodes of groups */
        fake_kernel_do(fixture->kernel, "group-nodes off");
        EXPECT(0, "", "detach nvme1n1");
        g_autofree char *text = text_of(fixture, "10000:01:00.0", "qemu", NO_OPTIONS);
        g_assert_true(g_str_has_prefix(text, "-object iommufd,id=iommufd0 "));
        fixture_stop(fixture);
}

/* The rules of the CDI specification for names and versions, and the fields of a device. */
static void test_cdi(void) {
        Fixture *fixture = fixture_start(NULL);
        json_error_t where;

        EXPECT(0, "", "detach ens1 --group");
        g_auto(ProgramResult) result = vfioctl("show --cdi ens1");
        expect_result(&result, 0, "", "show --cdi");
        json_t *document = json_loads(result.output, JSON_REJECT_DUPLICATES, &where);
        g_assert_nonnull(document);
        expect_json(document, "cdiVersion", "\"0.5.0\"");
        const char *kind = json_string_value(json_object_get(document, "kind"));
        g_assert_true(g_regex_match_simple(
                        "^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]/[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$", kind, 0, 0));
        json_t *devices = json_object_get(document, "devices"), *device, *node;
        g_assert_cmpuint(json_array_size(devices), ==, 2);
        g_assert_cmpuint(json_object_size(document), ==, 3);
        size_t i, n;
        json_array_foreach(devices, i, device) {
                g_assert_cmpuint(json_object_size(device), ==, 2);
                g_assert_true(g_regex_match_simple("^[A-Za-z0-9][A-Za-z0-9_.:-]*[A-Za-z0-9]$",
                                json_string_value(json_object_get(device, "name")), 0, 0));
                json_t *nodes = json_object_get(json_object_get(device, "containerEdits"), "deviceNodes");
                g_assert_cmpuint(json_array_size(nodes), ==, 2);
                json_array_foreach(nodes, n, node) {
                        g_assert_true(g_str_has_prefix(json_string_value(json_object_get(node, "path")), "/dev/vfio/"));
                        g_assert_cmpstr(json_string_value(json_object_get(node, "permissions")), ==, "rw");
                }
        }
        expect_json(document, "devices.1.name", "\"0000:03:02.0\"");
        expect_json(document, "devices.1.containerEdits.deviceNodes.0.path", "\"/dev/vfio/vfio\"");
        expect_json(document, "devices.1.containerEdits.deviceNodes.1.path", "\"/dev/vfio/10\"");
        json_decref(document);
        fixture_stop(fixture);
}

/* These need no detached device. */
static void test_libvirt(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_golden(0, "show --libvirt ens2", "libvirt");
        expect_golden(0, "show --libvirt group:10", "libvirt-group");
        expect_golden(0, "show --xml ens2", "nodedev");
        expect_golden(0, "show --xml 0000:07:00.0", "nodedev-pf");
        expect_golden(0, "show --xml 10000:01:00.0", "nodedev-vmd");
        expect_golden(0, "show --xml group:10", "nodedev-group");
        expect_golden(0, "nodedev-list --tree", "nodedev-tree");
        g_auto(ProgramResult) shown = vfioctl("show --xml 0000:02:00.0"),
                              dumped = vfioctl("nodedev-dumpxml pci_0000_02_00_0");
        expect_result(&dumped, 0, "", "nodedev-dumpxml");
        g_assert_cmpstr(shown.output, ==, dumped.output);
        g_assert_nonnull(strstr(shown.output, "\n    <capability type='pci-bridge'/>\n"));
        /* without the configuration space, the number of the port is not known */
        g_assert_nonnull(strstr(shown.output, "\n      <link validity='cap' speed='2.5' width='1'/>\n"));
        fixture_stop(fixture);
}

/* A caller that is root sends what it has read: here the link capabilities of port 5. */
static void test_port(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GString) bytes = g_string_new("");

        for (unsigned i = 0; i < 96; i++) {
                unsigned byte = i == 0x06 ? 0x10 : i == 0x34 || i == 0x40 ? 0x40 : 0;

                if (i == 0x40)
                        byte = 0x10; /* PCI Express */
                if (i == 0x4c || i == 0x4f)
                        byte = i == 0x4c ? 0x43 : 5; /* 8 GT/s, four lanes, port 5 */
                if (i == 0x52)
                        byte = 0x11;
                g_string_append_printf(bytes, "%sbyte %u", i > 0 ? ", " : "", byte);
        }
        g_autofree char *options = g_strdup_printf("{'config-space': <{'0000:05:00.0': [%s]}>}", bytes->str);
        g_autofree char *text = text_of(fixture, NIC, "nodedev", options);
        g_assert_nonnull(strstr(text,
                        "\n      <link validity='cap' port='5' speed='8' width='4'/>\n"
                        "      <link validity='sta' speed='2.5' width='1'/>\n"));
        fixture_stop(fixture);
}

/* The text is well-formed XML, whatever names the host has. */
static void test_well_formed(void) {
        static const char *const topologies[] = {"story", "names"};

        for (size_t i = 0; i < G_N_ELEMENTS(topologies); i++) {
                Fixture *fixture = fixture_start(&(FixtureOptions){.topology = topologies[i]});
                g_auto(ProgramResult) list = vfioctl("devices -o address --no-legend");
                g_auto(GStrv) addresses = g_strsplit(list.output, "\n", -1);

                for (unsigned k = 0; addresses[k] && *addresses[k]; k++) {
                        static const GMarkupParser parser = {0};
                        g_autofree char *text = text_of(fixture, addresses[k], "nodedev", NO_OPTIONS);
                        g_autoptr(GError) error = NULL;
                        GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, NULL, NULL);

                        (void)g_markup_parse_context_parse(context, text, -1, &error);
                        g_assert_no_error(error);
                        (void)g_markup_parse_context_end_parse(context, &error);
                        g_assert_no_error(error);
                        g_markup_parse_context_free(context);
                        for (const char *c = text; *c; c++)
                                g_assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
                }
                fixture_stop(fixture);
        }
}

static void test_json(void) {
        Fixture *fixture = fixture_start(NULL);

        json_t *xml = vfioctl_json("show --libvirt ens2");
        expect_json(xml, "format", "\"libvirt\"");
        expect_json(xml, "devices", "[\"0000:03:02.0\"]");
        expect_json(xml, "arguments", "[]");
        expect_json(xml, "backend", "null");
        json_decref(xml);
        EXPECT(2, "vfioctl: use only one of --qemu, --libvirt, *\n*", "show --libvirt --cdi ens1");
        EXPECT(2, "vfioctl: 'list' does not take --cdi\n*", "list --cdi");
        EXPECT(2, "vfioctl: *'libvirt' has no form for an iommufd*", "show --libvirt --iommufd ens1");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/fragment/arguments", test_arguments);
        g_test_add_func("/fragment/not-viable", test_not_viable);
        g_test_add_func("/fragment/iommufd", test_iommufd);
        g_test_add_func("/fragment/cdi", test_cdi);
        g_test_add_func("/fragment/libvirt", test_libvirt);
        g_test_add_func("/fragment/port", test_port);
        g_test_add_func("/fragment/well-formed", test_well_formed);
        g_test_add_func("/fragment/json", test_json);
        return g_test_run();
}
