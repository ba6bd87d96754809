/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruled.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>

/* udev applies the early rules that vfiod writes: it may be faster or slower than vfiod, and it also applies them if
 * vfiod refuses the rule. */

#define THIRD "0000:03:03.0"
#define THIRD_PATH BUS_PATH "/devices/_30000_3a03_3a03_2e0"
#define PLUG_THIRD "plug " THIRD " vendor=8086 device=10d3 class=020000 subsystem=8086:0001 group=10 parent=" BRIDGE

static void on_file(GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, void *userdata) {
        (void)monitor, (void)file, (void)other, (void)event;
        *(bool *)userdata = true;
}

/* Waits until the file exists, and reads it. */
static char *await_file(const char *path) {
        g_autoptr(GFile) file = g_file_new_for_path(path);
        g_autoptr(GFileMonitor) monitor = g_file_monitor_file(file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
        bool changed = false;
        char *text;

        g_signal_connect(monitor, "changed", G_CALLBACK(on_file), &changed);
        while (!g_file_get_contents(path, &text, NULL, NULL)) {
                changed = false;
                do
                        (void)g_main_context_iteration(NULL, true);
                while (!changed);
        }
        return text;
}

/* Everybody may open the folder of udev's rules, and lock it: that stops nobody. */
static void test_locked(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *early_path = g_strdup_printf("%s.udev-rules", fixture->state_folder),
                        *folder = g_path_get_dirname(early_path);
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
        g_autoptr(GVariant) added =
                        fixture_call(fixture, BUS_PATH, MANAGER, "AddRule", "('ens3', {'name': <'nic'>})", NULL);
        g_assert_nonnull(added);
        g_free(await_file(early_path));
        g_assert_cmpint(close(fd), ==, 0);
        fixture_stop(fixture);
}

/* Its driver is not loaded yet, and udev has set driver_override: no host driver ever binds it. After a reattach it
 * is on the host driver. */
static void test_early(void) {
        Fixture *fixture = ruled_start(RULE_NEW);
        g_autofree char *early_path = g_strdup_printf("%s.udev-rules", fixture->state_folder);
        g_autofree char *early = await_file(early_path);

        /* If the driver were loaded later, it would bind a waiting device. */
        g_assert_true(fake_kernel_exists(fixture->kernel, "sys/bus/pci/drivers/vfio-pci"));
        g_assert_nonnull(strstr(early,
                        "\nSUBSYSTEM==\"pci\", ATTR{class}!=\"0x06*\", ATTR{vendor}==\"0x8086\", "
                        "ATTR{device}==\"0x10d3\", ATTR{subsystem_vendor}==\"0x8086\", "
                        "ATTR{subsystem_device}==\"0x0001\", ATTR{driver_override}=\"vfio-pci\", "
                        "ENV{VFIOD_EARLY}=\"1\"\n"));
        /* A read of it would wait for the lock of the device. */
        g_assert_null(strstr(early, "{driver_override}=="));

        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
        fake_kernel_do(fixture->kernel, "rmmod e1000e");
        /* vfiod is faster than udev, or udev is faster: the result must be the same. */
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        (void)fake_kernel_write(fixture->kernel, "vfio-pci", OVERRIDE, NEW);
        fake_kernel_do(fixture->kernel, "modprobe e1000e");
        ruled_wait(fixture, NEW_PATH, "detached");
        manager_expect(fixture, "Reattach", NEW, NO_OPTIONS, "([('" NEW "', 'vfio-pci', 'e1000e', {})],)");
        ruled_assert_quiet(fixture, NEW_PATH, "host");
        fixture_property(fixture, NEW_PATH, DEVICE, "OriginalOverride", "''");
        g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, NEW);
        g_assert_cmpstr(override, ==, "(null)");

        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_restart_daemon(fixture);
        g_assert_false(g_file_test(early_path, G_FILE_TEST_EXISTS));
        fixture_stop(fixture);
}

/* Its group has another device without consent: the rule is refused, and the device gets its host driver in spite of
 * the early override. */
static void test_refused(void) {
        Fixture *fixture = ruled_start("[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0001\n");

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
        fake_kernel_do(fixture->kernel, "rmmod e1000e");
        fake_kernel_do(fixture->kernel, PLUG_THIRD " override=vfio-pci driver=none");
        fake_kernel_do(fixture->kernel, "modprobe e1000e");
        ruled_wait(fixture, THIRD_PATH, "host");
        fixture_driver(fixture, THIRD, "e1000e");
        fixture_driver(fixture, PORT1, "e1000");
        ruled_stop(fixture);
}

/* This file tells that udev's rules have run for the device. */
static char *note_udev(Fixture *fixture, const char *address) {
        g_autofree char *text = g_strdup_printf("I:%" G_GINT64_FORMAT "\nE:ID_BUS=pci\n", g_get_monotonic_time());
        char *path = g_strdup_printf("%s.udev-data/+pci:%s", fixture->state_folder, address);
        g_autoptr(GError) error = NULL;

        (void)g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
        return path;
}

/* The rule is refused before udev handles the device. vfiod then reverts what udev's early rule did, whether the
 * host driver is bound or not. */
static void test_refused_first(void) {
        for (unsigned loaded = 0; loaded < 2; loaded++) {
                Fixture *fixture = ruled_start("[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0001\n");
                g_autofree char *database = g_strdup_printf("%s.udev-data", fixture->state_folder);

                g_assert_cmpint(g_mkdir(database, 0755), ==, 0);
                if (!loaded) {
                        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
                        fake_kernel_do(fixture->kernel, "rmmod e1000e");
                }
                fake_kernel_do(fixture->kernel, PLUG_THIRD);
                g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" THIRD_PATH "'*"));
                ruled_assert_quiet(fixture, THIRD_PATH, loaded ? "host" : "driverless");
                fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/" THIRD "/driver_override");
                g_autofree char *file = note_udev(fixture, THIRD);
                if (!loaded)
                        fake_kernel_do(fixture->kernel, "modprobe e1000e");
                g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" BUS_PATH "/jobs/*"));
                ruled_wait(fixture, THIRD_PATH, "host");
                fixture_driver(fixture, THIRD, "e1000e");
                g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, THIRD);
                g_assert_cmpstr(override, ==, "(null)");
                g_assert_cmpint(g_unlink(file), ==, 0);
                g_assert_cmpint(g_rmdir(database), ==, 0);
                ruled_stop(fixture);
        }
}

/* vfiod is faster than udev, which loads the host driver: after a reattach the card gets this driver, and its
 * interface does not keep its temporary name. */
static void test_before_udev(void) {
        Fixture *fixture = ruled_start(RULE_NEW);
        g_autofree char *early_path = g_strdup_printf("%s.udev-rules", fixture->state_folder);

        g_free(await_file(early_path));
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
        fake_kernel_do(fixture->kernel, "rmmod e1000e");
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        ruled_wait(fixture, NEW_PATH, "detached");
        fake_kernel_do(fixture->kernel, "modprobe e1000e");
        manager_expect(fixture, "Reattach", NEW, NO_OPTIONS, "([('" NEW "', 'vfio-pci', 'e1000e', {})],)");

        fake_kernel_do(fixture->kernel, "unplug " NEW);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" NEW_PATH "'*"));
        fake_kernel_do(fixture->kernel, "stall 1");
        fake_kernel_do(fixture->kernel,
                        "plug " NEW " vendor=8086 device=10d3 class=020000 subsystem=8086:0001 group=20 net=eth0");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_property(fixture, NEW_PATH, DEVICE, "NetworkInterfaces", "['eth0']");
        fake_kernel_do(fixture->kernel, "netrename " NEW " ens8");
        fake_kernel_do(fixture->kernel, "resume");
        ruled_wait(fixture, NEW_PATH, "detached");
        manager_refused(fixture, "Reattach", "eth0", NO_OPTIONS, "NoSuchDevice", "*");
        manager_expect(fixture, "Reattach", NEW, NO_OPTIONS, "([('" NEW "', 'vfio-pci', 'e1000e', {})],)");
        ruled_stop(fixture);
}

/* udev is faster than the kernel's first probe, which then binds vfio-pci: this was the rule, and no other program. */
static void test_bound_early(void) {
        Fixture *fixture = ruled_start(RULE_NEW);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, PLUG_NEW " override=vfio-pci");
        ruled_wait(fixture, NEW_PATH, "detached");
        fixture_property(fixture, NEW_PATH, DEVICE, "OriginalOverride", "''");
        manager_expect(fixture, "Reattach", NEW, NO_OPTIONS, "([('" NEW "', 'vfio-pci', 'e1000e', {})],)");
        g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, NEW);
        g_assert_cmpstr(override, ==, "(null)");

        /* The rule is refused, and the device is reattached. */
        fake_kernel_do(fixture->kernel, PLUG_THIRD " override=vfio-pci");
        ruled_wait(fixture, THIRD_PATH, "host");
        fixture_driver(fixture, THIRD, "e1000e");

        /* No rule matches this device: it is foreign. */
        fake_kernel_do(fixture->kernel,
                        "plug 0000:00:09.0 vendor=1234 device=11e8 class=00ff00 group=21 override=vfio-pci");
        ruled_wait(fixture, BUS_PATH "/devices/_30000_3a00_3a09_2e0", "foreign");
        ruled_assert_quiet(fixture, BUS_PATH "/devices/_30000_3a00_3a09_2e0", "foreign");
        ruled_stop(fixture);
}

/* Without an IOMMU vfiod cannot detach a device, and it must not keep a device from its host driver. */
static void test_no_iommu(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = "no-iommu"});

        ruled_put(fixture, "[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0001\n");
        fixture_restart_daemon(fixture);
        fake_kernel_do(fixture->kernel,
                        "plug " NEW " vendor=8086 device=10d3 class=020000 subsystem=8086:0001 group=none net=ens8 "
                        "override=vfio-pci driver=none");
        ruled_wait(fixture, NEW_PATH, "host");
        fixture_driver(fixture, NEW, "e1000e");
        ruled_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/early/early", test_early);
        g_test_add_func("/bus/early/locked", test_locked);
        g_test_add_func("/bus/early/refused", test_refused);
        g_test_add_func("/bus/early/refused-first", test_refused_first);
        g_test_add_func("/bus/early/before-udev", test_before_udev);
        g_test_add_func("/bus/early/bound-early", test_bound_early);
        g_test_add_func("/bus/early/no-iommu", test_no_iommu);
        return g_test_run();
}
