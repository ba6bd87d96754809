/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "host-files.h"

#include <string.h>

/* Diagnose: what is wrong with the host, and with a device. */

static const char *const files[] = {
                "etc/os-release",
                "ID=debian\nVERSION_ID=\"12\"\n",
                "etc/default/grub",
                "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n",
                "usr/sbin/update-grub",
                "",
                "etc/driverctl.d/pci-" NIC,
                "vfio-pci\n",
                "etc/modprobe.d/a\033b.conf",
                "options vfio-pci ids=8086:10d3\n",
                NULL,
};

static Fixture *start(void) {
        return fixture_start(&(FixtureOptions){.host_files = files});
}

static GVariant *diagnose(Fixture *fixture, const char *selector) {
        g_autofree char *arguments = g_strdup_printf("('%s', " NO_OPTIONS ")", selector);
        g_autoptr(GError) error = NULL;
        GVariant *reply = fixture_call(fixture, BUS_PATH, MANAGER, "Diagnose", arguments, &error);

        g_assert_no_error(error);
        g_assert_true(g_variant_is_of_type(reply, G_VARIANT_TYPE("(a(ssssa{sv}))")));
        return reply;
}

/* Returns the row of the check as text; NULL if there is none. */
static char *find_row(GVariant *reply, const char *code) {
        g_autoptr(GVariant) rows = g_variant_get_child_value(reply, 0);
        char *found = NULL;

        for (gsize i = 0; i < g_variant_n_children(rows); i++) {
                g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
                const char *name;

                g_variant_get_child(row, 0, "&s", &name);
                if (g_str_equal(name, code)) {
                        g_assert_null(found);
                        found = g_variant_print(row, false);
                }
        }
        return found;
}

static void expect_row(GVariant *reply, const char *code, const char *pattern) {
        g_autofree char *row = find_row(reply, code);

        if (!row || !pattern || !g_pattern_match_simple(pattern, row))
                g_error("the row of %s is %s instead of %s", code, row ?: "missing", pattern ?: "missing");
}

static void expect_no_row(GVariant *reply, const char *code) {
        g_autofree char *row = find_row(reply, code);

        if (row)
                g_error("%s", row);
}

static void test_host(void) {
        Fixture *fixture = start();
        g_autoptr(GVariant) reply = diagnose(fixture, "");

        expect_row(reply, "iommu", "('iommu', 'ok', 'The IOMMU is on. *', '', {'area': <'boot'>})");
        expect_row(reply, "driverctl",
                        "('driverctl', 'warning', 'driverctl binds " NIC " to vfio-pci at each boot*', 'sudo driverctl "
                        "unset-override " NIC "', {*'area': <'programs'>*'device': <'" NIC "'>*})");
        /* A name of a file cannot harm the terminal, and does not become a command. */
        expect_row(reply, "captured-ids",
                        "('captured-ids', *'Line 1 of /etc/modprobe.d/a\\\\x1bb.conf gives *', 'Remove line 1 of "
                        "/etc/modprobe.d/a\\\\x1bb.conf.', *)");
        expect_row(reply, "vfio-module", "('vfio-module', 'ok', *");
        expect_no_row(reply, "device-state");
        expect_no_row(reply, "diagnosis-incomplete");
        fixture_stop(fixture);
}

/* A selected device: its own checks, and the errors and warnings of the host. */
static void test_device(void) {
        Fixture *fixture = start();
        g_autoptr(GVariant) nic = diagnose(fixture, "ens3");

        expect_row(nic, "device-state",
                        "('device-state', 'ok', '" NIC
                        " is with the host, on the driver e1000e.', '', {*<'device'>*<'" NIC "'>*})");
        expect_row(nic, "device-driverctl", "('device-driverctl', 'warning', *");
        expect_row(nic, "driverctl", "*");
        expect_no_row(nic, "iommu");

        g_autoptr(GVariant) group = diagnose(fixture, "group:10");
        g_autofree char *text = g_variant_print(group, false);
        g_assert_nonnull(strstr(text, PORT1 " shares the IOMMU group 10 with " PORT2 " (e1000)"));
        g_assert_nonnull(strstr(text, PORT2 " shares the IOMMU group 10 with " PORT1 " (e1000)"));
        g_assert_null(strstr(text, "bridge or a part of the host"));

        /* Somebody else binds it: the override tells. */
        fixture_detach_nic_by_hand(fixture);
        g_autoptr(GVariant) foreign = diagnose(fixture, NIC);
        expect_row(foreign, "device-state",
                        "('device-state', 'info', *its driver_override is vfio-pci*reattach --adopt *");
        fixture_stop(fixture);
}

/* Why the ports of the card share a group. vfiod knows that the bridge above them converts to conventional PCI only from what the
 * caller has read. */
static void test_explain(void) {
        Fixture *fixture = start();
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) plain =
                        fixture_call(fixture, BUS_PATH, MANAGER, "Diagnose", "('ens1', {'explain': <true>})", &error);

        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(plain, false);
        g_assert_nonnull(strstr(text, "('path', 'info', '" BRIDGE));
        g_assert_nonnull(strstr(text, "'member': <'selected'>"));
        g_assert_null(strstr(text, "driverctl"));
        expect_row(plain, "device-reset", "*");

        /* Status: has a list; at 0x40: PCI Express, type 7. */
        g_autoptr(GString) space = g_string_new(NULL);
        for (guint i = 0; i < 256; i++)
                g_string_append_printf(space, "%sbyte 0x%02x", i > 0 ? ", " : "",
                                i == 0x06                   ? 0x10
                                                : i == 0x34 ? 0x40
                                                : i == 0x40 ? 0x10
                                                : i == 0x42 ? 0x72
                                                            : 0);
        g_autofree char *arguments = g_strdup_printf(
                        "('ens1', {'explain': <true>, 'config-space': <{'" BRIDGE "': [%s]}>})", space->str);
        g_autoptr(GVariant) full = fixture_call(fixture, BUS_PATH, MANAGER, "Diagnose", arguments, &error);
        g_assert_no_error(error);
        expect_row(full, "isolation-conventional",
                        "('isolation-conventional', 'info', '" BRIDGE " is a bridge to conventional PCI.*");
        fixture_stop(fixture);
}

static void test_spaces(void) {
        static const struct {
                const char *options, *message;
        } cases[] = {
                        {"{'config-space': <'x'>}", "*has the configuration space of each address*"},
                        {"{'config-space': <{'x': [byte 1]}>}", "'x' is no address of a device."},
                        {"{'explain': <1>}", "*true or false*"},
        };
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GString) many = g_string_new("('ens1', {'explain': <true>, 'config-space': <{");
        g_autoptr(GString) large = g_string_new("('ens1', {'config-space': <{'" BRIDGE "': [byte 0");

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                manager_refused(fixture, "Diagnose", "ens1", cases[i].options, INVALID_ARGS, cases[i].message);
        for (guint i = 0; i < 64; i++)
                g_string_append_printf(many, "%s'0000:%02x:00.0': @ay []", i > 0 ? ", " : "", i);
        g_autofree char *allowed = g_strdup_printf("%s}>})", many->str);
        g_autofree char *refused = g_strdup_printf("%s, '0000:80:00.0': @ay []}>})", many->str);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "Diagnose", allowed, &error);
        g_assert_nonnull(reply);
        g_assert_no_error(error);
        fixture_refused(fixture, BUS_PATH, MANAGER, "Diagnose", refused, INVALID_ARGS,
                        "*at most 64 entries of 4096 bytes.");
        for (guint i = 0; i < 4096; i++)
                g_string_append(large, ", 0");
        g_string_append(large, "]}>})");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Diagnose", large->str, INVALID_ARGS,
                        "*at most 64 entries of 4096 bytes.");
        fixture_stop(fixture);
}

static void test_refused(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_refused(fixture, BUS_PATH, MANAGER, "Diagnose", "('ens9', " NO_OPTIONS ")", "NoSuchDevice", "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Diagnose", "('group:99', " NO_OPTIONS ")", "NoSuchGroup", "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Diagnose", "('', {'x': <true>})", INVALID_ARGS, "*'x'*");
        fixture_stop(fixture);
}

/* The daemon answers others while many diagnoses run, and refuses what is too much. */
static void test_many(void) {
        Fixture *fixture = start();
        Pending *pending[20];
        guint n_done = 0, n_refused = 0;

        for (guint i = 0; i < G_N_ELEMENTS(pending); i++)
                pending[i] = fixture_call_start(fixture, BUS_PATH, MANAGER, "Diagnose", "('', " NO_OPTIONS ")");
        fixture_property(fixture, NIC_PATH, DEVICE, "Driver", "'e1000e'");
        for (guint i = 0; i < G_N_ELEMENTS(pending); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = pending_finish(pending[i], &error);

                if (reply)
                        n_done++;
                else {
                        error_expect(error, "LimitsExceeded", "8 diagnoses are already running*");
                        n_refused++;
                }
        }
        g_assert_cmpuint(n_done, >=, 8);
        g_assert_cmpuint(n_refused, >, 0);
        g_variant_unref(diagnose(fixture, ""));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/diagnose/host", test_host);
        g_test_add_func("/bus/diagnose/device", test_device);
        g_test_add_func("/bus/diagnose/explain", test_explain);
        g_test_add_func("/bus/diagnose/spaces", test_spaces);
        g_test_add_func("/bus/diagnose/refused", test_refused);
        g_test_add_func("/bus/diagnose/many", test_many);
        return g_test_run();
}
