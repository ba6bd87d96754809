/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <fcntl.h>
#include <unistd.h>

/* Detach and Reattach: what they do, what they reply, and each reason to refuse. */

#define NIC_DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"
#define NIC_REATTACHED "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)"
#define CARD_DETACHED "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)"
#define CARD_REATTACHED "([('0000:03:01.0', 'vfio-pci', 'e1000', {}), ('0000:03:02.0', 'vfio-pci', 'e1000', {})],)"

static void test_manager(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);

        manager_expect(fixture, "Detach", "ens1", "{'companions': <['ens2']>}", CARD_DETACHED);
        fixture_driver(fixture, PORT1, "vfio-pci");
        fixture_driver(fixture, PORT2, "vfio-pci");
        fixture_property(fixture, GROUP10, GROUP, "State", "'detached'");
        fixture_property(fixture, GROUP10, GROUP, "Node", "'/dev/vfio/10'");
        fixture_property(fixture, PORT1_PATH, DEVICE, "Node", "'/dev/vfio/10'");
        fixture_property(fixture, PORT1_PATH, DEVICE, "OriginalDriver", "'e1000'");
        fixture_property(fixture, PORT1_PATH, DEVICE, "OriginalNames", "['ens1']");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "2");

        manager_expect(fixture, "Reattach", "ens2", NO_OPTIONS, CARD_REATTACHED);
        fixture_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens1']");
        fixture_property(fixture, PORT1_PATH, DEVICE, "OriginalDriver", "''");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "0");
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(after, ==, before);
        fixture_stop(fixture);
}

/* The same with the objects: a call to a group implies consent; for a device, the companions must be named. */
static void test_objects(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_expect(fixture, GROUP10, GROUP, "Detach", "(" NO_OPTIONS ",)", CARD_DETACHED);
        fixture_expect(fixture, GROUP10, GROUP, "Reattach", "(" NO_OPTIONS ",)", CARD_REATTACHED);
        fixture_refused(fixture, PORT1_PATH, DEVICE, "Detach", "(" NO_OPTIONS ",)", "GroupNeedsConsent", "*");
        fixture_expect(fixture, PORT1_PATH, DEVICE, "Detach", "(" ALL ",)", CARD_DETACHED);
        fixture_expect(fixture, PORT2_PATH, DEVICE, "Reattach", "(" NO_OPTIONS ",)", CARD_REATTACHED);
        fixture_expect(fixture, NIC_PATH, DEVICE, "Detach", "(" NO_OPTIONS ",)", NIC_DETACHED);
        fixture_expect(fixture, GROUP12, GROUP, "Reattach", "(" NO_OPTIONS ",)", NIC_REATTACHED);
        fixture_refused(fixture, GROUP12, GROUP, "Reattach", "(" NO_OPTIONS ",)", "NotDetached", "*12*");
        fixture_refused(fixture, NIC_PATH, DEVICE, "Detach", "({'force': <true>},)", INVALID_ARGS, "*force*");
        fixture_stop(fixture);
}

static void test_companions(void) {
        static const char *const enough[] = {
                        "{'companions': <['ens2']>}",
                        "{'companions': <['*']>}",
                        "{'companions': <['0000:03:02.0']>}",
                        "{'companions': <['03:02.0']>}",
                        "{'companions': <['pci_0000_03_02_0']>}",
                        "{'companions': <['group:10']>}",
                        "{'companions': <['ens1', 'ens2', '0000:02:00.0']>}",
        };
        static const char *const too_few[] = {
                        NO_OPTIONS,
                        "{'companions': <@as []>}",
                        "{'companions': <['ens1']>}",
                        "{'companions': <['0000:02:00.0']>}",
        };
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(too_few); i++)
                manager_refused(fixture, "Detach", "ens1", too_few[i], "GroupNeedsConsent",
                                "0000:03:01.0 is in IOMMU group 10 together with 0000:03:02.0 (e1000, ens2)*");
        for (unsigned i = 0; i < G_N_ELEMENTS(enough); i++) {
                manager_expect(fixture, "Detach", "ens1", enough[i], CARD_DETACHED);
                manager_expect(fixture, "Reattach", "ens1", NO_OPTIONS, CARD_REATTACHED);
        }
        manager_expect(fixture, "Detach", "group:10", NO_OPTIONS, CARD_DETACHED);
        manager_expect(fixture, "Reattach", "group:10", NO_OPTIONS, CARD_REATTACHED);
        manager_refused(fixture, "Detach", "00:1f.2", NO_OPTIONS, "GroupNeedsConsent",
                        "*0000:00:1f.0 (lpc_ich), 0000:00:1f.3 (i801_smbus)*");
        /* a companion from another group is probably a mistake */
        manager_refused(fixture, "Detach", "ens1", "{'companions': <['*', 'ens3']>}", INVALID_ARGS, "'ens3'*10*");
        manager_refused(fixture, "Detach", "ens1", "{'companions': <['group:12']>}", INVALID_ARGS, "'group:12'*10*");
        manager_refused(fixture, "Detach", "ens1", "{'companions': <['wlan9']>}", "NoSuchDevice", "*'wlan9'*");
        manager_refused(fixture, "Detach", "ens1", "{'companions': <['group:99']>}", "NoSuchGroup", "*99*");
        manager_refused(fixture, "Detach", "ens1", "{'companions': <['']>}", INVALID_ARGS, "*");
        fixture_stop(fixture);
}

static void test_options(void) {
        static const char *const wrong[] = {
                        "{'companion': <['*']>}",
                        "{'companions': <['*']>, 'force': <true>}",
                        "{'': <1>}",
                        "{'companions': <'*'>}",
                        "{'companions': <true>}",
                        "{'companions': <@ao []>}",
                        "{'companions': <<['*']>>}",
        };
        g_autoptr(GString) many = g_string_new("{'companions': <['*'");
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "reset-writes");
        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
                manager_refused(fixture, "Detach", "ens1", wrong[i], INVALID_ARGS, "*ption*");
        manager_refused(fixture, "Reattach", "ens1", ALL, INVALID_ARGS, "Reattach has no option 'companions'.");

        /* a{sv} on the wire can contain a key twice, but no dictionary type can */
        GVariantBuilder builder;
        g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
        for (unsigned i = 0; i < 2; i++)
                g_variant_builder_add_parsed(&builder, "{'companions', <['*']>}");
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(fixture->connection, BUS_NAME, BUS_PATH, MANAGER,
                        "Detach", g_variant_new("(sa{sv})", "ens1", &builder), NULL, G_DBUS_CALL_FLAGS_NONE,
                        DEADLINE_MS, NULL, &error);
        g_assert_null(reply);
        error_expect(error, INVALID_ARGS, "*given twice*");

        for (unsigned i = 0; i < 1024; i++)
                g_string_append(many, ", 'ens2'");
        g_string_append(many, "]>}");
        manager_refused(fixture, "Detach", "ens1", many->str, INVALID_ARGS, "*1024 entries*");

        fixture_refused(fixture, BUS_PATH, MANAGER, "Detach", "('ens1',)", INVALID_ARGS, "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Detach", "('ens1', @a{ss} {})", INVALID_ARGS, "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Detach", "('ens1', " NO_OPTIONS ", 1)", INVALID_ARGS, "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Attach", "('ens1', " NO_OPTIONS ")",
                        "org.freedesktop.DBus.Error.UnknownMethod", "*");

        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        fixture_stop(fixture);
}

static void test_refusals(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_refused(fixture, "Detach", "wlan9", NO_OPTIONS, "NoSuchDevice", "*'wlan9'*");
        manager_refused(fixture, "Detach", "group:99", NO_OPTIONS, "NoSuchGroup", "*99*");
        manager_refused(fixture, "Reattach", "wlan9", NO_OPTIONS, "NoSuchDevice", "*'wlan9'*");
        manager_refused(fixture, "Reattach", "group:99", NO_OPTIONS, "NoSuchGroup", "*99*");
        manager_refused(fixture, "Detach", "00:02.0", NO_OPTIONS, "NotEndpoint", "0000:00:02.0 is a bridge*");
        manager_refused(fixture, "Detach", "00:00.0", NO_OPTIONS, "NotEndpoint", "0000:00:00.0*");
        manager_refused(fixture, "Detach", "group:2", NO_OPTIONS, "NotEndpoint", "Group 2*");

        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=none");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *_30000_3a00_3a08_2e0*"));
        manager_refused(fixture, "Detach", "00:08.0", NO_OPTIONS, "NoGroup", "0000:00:08.0 has no IOMMU group*");
        manager_refused(fixture, "GetGroup", "00:08.0", NULL, "NoGroup", "0000:00:08.0 has no IOMMU group*");
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a00_3a08_2e0", DEVICE, "GroupNumber", "-1");
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a00_3a08_2e0", DEVICE, "Group", "'/'");

        manager_refused(fixture, "Reattach", "ens3", NO_OPTIONS, "NotDetached", "*");
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "AlreadyDetached", "*group 12*");
        manager_refused(fixture, "Detach", "group:12", NO_OPTIONS, "AlreadyDetached", "*group 12*");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, NIC_REATTACHED);
        fixture_stop(fixture);
}

static void test_foreign(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_detach_nic_by_hand(fixture);
        fixture_property(fixture, GROUP12, GROUP, "State", "'foreign'");
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Foreign", "*0000:05:00.0*");
        manager_refused(fixture, "Detach", "group:12", NO_OPTIONS, "Foreign", "*12*");
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "Foreign", "*");
        manager_refused(fixture, "Reattach", "group:12", NO_OPTIONS, "Foreign", "*12*");
        manager_refused(fixture, "Reattach", "group:12", "{'adopt': <false>}", "Foreign", "*12*");
        fixture_driver(fixture, NIC, "vfio-pci");
        fixture_stop(fixture);
}

/* The same, but adopted on purpose with each of the methods: the kernel chooses the driver, and nothing is stored. */
static void test_adopt(void) {
        static const struct {
                const char *path, *interface, *arguments;
        } calls[] = {
                        {BUS_PATH, MANAGER, "('" NIC "', {'adopt': <true>})"},
                        {GROUP12, GROUP, "({'adopt': <true>},)"},
                        {NIC_PATH, DEVICE, "({'adopt': <true>, 'force': <true>},)"},
        };
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++) {
                fixture_detach_nic_by_hand(fixture);
                fixture_expect(fixture, calls[i].path, calls[i].interface, "Reattach", calls[i].arguments,
                                "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
                fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
                fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
                fixture_property(fixture, NIC_PATH, DEVICE, "OriginalDriver", "''");
                g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, NIC);
                g_assert_cmpstr(override, ==, "(null)");
        }
        manager_refused(fixture, "Reattach", NIC, "{'adopt': <true>}", "NotDetached", "*");
        manager_refused(fixture, "Reattach", NIC, "{'adopt': <'yes'>}", INVALID_ARGS, "*adopt*");
        manager_refused(fixture, "Detach", NIC, "{'adopt': <true>}", INVALID_ARGS, "*adopt*");
        fixture_stop(fixture);
}

/* The holder is a real process and is reported. The daemon searches the real /proc, where other tests run too, so
 * the group number is unique. */
static void test_held(void) {
        const char *path = BUS_PATH "/devices/_30000_3a00_3a09_2e0";
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "plug 0000:00:09.0 vendor=8086 device=10d3 class=020000 group=9009");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *_30000_3a00_3a09_2e0*"));
        fixture_wait_property(fixture, path, DEVICE, "Driver", "'e1000e'");
        manager_expect(fixture, "Detach", "00:09.0", NO_OPTIONS, "([('0000:00:09.0', 'e1000e', 'vfio-pci', {})],)");
        g_autofree char *script = g_strdup_printf("exec 9<>%s/dev/vfio/9009 && echo open && exec sleep 1000",
                        fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "open");

        /* named by pid; the command is "sh", or already "sleep" */
        g_autofree char *pattern =
                        g_strdup_printf("/dev/vfio/9009 is held by process %d (s*)*", (int)process_get_pid(holder));
        /* It does not wait for the holder. Other programs may delay some of the calls. */
        gint64 shortest_us = G_MAXINT64;
        for (unsigned i = 0; i < 3; i++) {
                gint64 start = g_get_monotonic_time();
                manager_refused(fixture, "Reattach", "00:09.0", NO_OPTIONS, "Held", pattern);
                shortest_us = MIN(shortest_us, g_get_monotonic_time() - start);
        }
        g_assert_cmpint(shortest_us, <, G_USEC_PER_SEC);
        fixture_property(fixture, path, DEVICE, "State", "'detached'");
        fixture_driver(fixture, "0000:00:09.0", "vfio-pci");

        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        manager_expect(fixture, "Reattach", "00:09.0", NO_OPTIONS, "([('0000:00:09.0', 'vfio-pci', 'e1000e', {})],)");
        fixture_stop(fixture);
}

static void test_not_viable(void) {
        Fixture *fixture = fixture_start(NULL);

        /* a bridge on a driver that uses DMA */
        fake_kernel_do(fixture->kernel, "driver shpchp ids=1b36:000e");
        fixture_write(fixture, BRIDGE, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a02_3a00_2e0", DEVICE, "Driver", "'shpchp'");
        manager_refused(fixture, "Detach", "ens1", ALL, "NotViable", "*0000:02:00.0*shpchp*");
        fixture_driver(fixture, PORT1, "e1000");
        fixture_stop(fixture);
}

static void test_driver_unavailable(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        fake_kernel_do(fixture->kernel, "blacklist vfio_pci");
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "DriverUnavailable",
                        "*'vfio-pci' for the driver vfio-pci: it is blacklisted*");
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(after, ==, before);
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

static void test_rolled_back(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        for (unsigned k = 1; k <= 6; k++) {
                fake_kernel_do(fixture->kernel, "fail %u EIO", k);
                manager_refused(fixture, "Detach", "ens1", ALL, "RolledBack", "*Everything is as it was before.");
                g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
                g_assert_cmpstr(after, ==, before);
                fixture_property(fixture, GROUP10, GROUP, "State", "'host'");
        }
        fake_kernel_do(fixture->kernel, "noprobe " PORT2);
        manager_refused(fixture, "Detach", "ens1", ALL, "RolledBack", "DriverDidNotBind: *0000:03:02.0*");
        fake_kernel_do(fixture->kernel, "clear");
        manager_expect(fixture, "Detach", "ens1", ALL, CARD_DETACHED);
        fixture_stop(fixture);
}

/* If the rollback fails too, the message says what remains. */
static void test_degraded(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        for (unsigned k = 3; k <= 30; k++)
                fake_kernel_do(fixture->kernel, "fail %u EIO", k);
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "Degraded",
                        "*vfiod could not undo all changes*0000:05:00.0*");
        fake_kernel_do(fixture->kernel, "clear");
        fixture_stop(fixture);
}

static void test_identity_changed(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        fake_kernel_do(fixture->kernel, "swap " NIC " vendor=8086 device=100e class=020000 group=12");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "DeviceId", "4110");
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "IdentityChanged",
                        "*8086:10d3 at 0000:05:00.0*8086:100e*");
        fixture_stop(fixture);
}

/* Without a state file, nothing is changed. */
static void test_failed(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        g_autofree char *transactions = g_build_filename(fixture->state_folder, "transactions", NULL);
        g_assert_cmpint(rmdir(transactions), ==, 0);
        /* Otherwise a helper that starts again would make the folder. */
        g_assert_true(g_file_set_contents(transactions, "", 0, NULL));
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "Failed", "*nothing was changed*");
        fake_kernel_do(fixture->kernel, "rmmod vfio-pci");
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(after, ==, before);
        fixture_stop(fixture);
}

/* An administrator's driver_override is restored, and a device without a driver has none afterwards. */
static void test_restores(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *override = NULL;

        fixture_write(fixture, "e1000e", "sys/bus/pci/devices/" NIC "/driver_override");
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        fixture_property(fixture, NIC_PATH, DEVICE, "OriginalOverride", "'e1000e'");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, NIC_REATTACHED);
        override = fake_kernel_read(fixture->kernel, OVERRIDE, NIC);
        g_assert_cmpstr(override, ==, "e1000e");

        manager_expect(fixture, "Detach", "00:07.0", NO_OPTIONS, "([('0000:00:07.0', '', 'vfio-pci', {})],)");
        manager_expect(fixture, "Reattach", "00:07.0", NO_OPTIONS, "([('0000:00:07.0', 'vfio-pci', '', {})],)");
        fixture_driver(fixture, "0000:00:07.0", NULL);
        fixture_stop(fixture);
}

/* A restarted daemon knows which devices are detached. */
static void test_restart(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens1", ALL, CARD_DETACHED);
        fixture_restart_daemon(fixture);
        fixture_property(fixture, GROUP10, GROUP, "State", "'detached'");
        fixture_property(fixture, PORT2_PATH, DEVICE, "OriginalNames", "['ens2']");
        manager_expect(fixture, "GetDevice", "ens2", NULL, "('" PORT2_PATH "',)");
        manager_expect(fixture, "Reattach", "ens2", NO_OPTIONS, CARD_REATTACHED);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/changing/manager", test_manager);
        g_test_add_func("/bus/changing/objects", test_objects);
        g_test_add_func("/bus/changing/companions", test_companions);
        g_test_add_func("/bus/changing/options", test_options);
        g_test_add_func("/bus/changing/refusals", test_refusals);
        g_test_add_func("/bus/changing/foreign", test_foreign);
        g_test_add_func("/bus/changing/adopt", test_adopt);
        g_test_add_func("/bus/changing/held", test_held);
        g_test_add_func("/bus/changing/not-viable", test_not_viable);
        g_test_add_func("/bus/changing/driver-unavailable", test_driver_unavailable);
        g_test_add_func("/bus/changing/rolled-back", test_rolled_back);
        g_test_add_func("/bus/changing/degraded", test_degraded);
        g_test_add_func("/bus/changing/identity-changed", test_identity_changed);
        g_test_add_func("/bus/changing/failed", test_failed);
        g_test_add_func("/bus/changing/restores", test_restores);
        g_test_add_func("/bus/changing/restart", test_restart);
        return g_test_run();
}
