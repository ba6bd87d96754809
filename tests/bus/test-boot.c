/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"
#include "ruled.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* The boot file: which devices are in it, and what the daemon does with a device that udev has put on vfio-pci at boot
 * for a line of the file. And what does not wait for the network. */

#define NIC_IDS "[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0000\n"
#define RULE_NIC NIC_IDS "[Detach]\n"
#define RULE_PORTS "[Match]\nVendor=8086\nDevice=100e\n[Detach]\nCompanions=all\n"
#define RULE_PORT1 "[Match]\nAddress=" PORT1 "\nVendor=8086\nDevice=100e\n"
#define RULE_GPU "[Match]\nVendor=10de\nDevice=2484\n[Detach]\nCompanions=all\n"
#define SOUND_PATH BUS_PATH "/devices/_30000_3a06_3a00_2e1"
#define LINE(address) "\nKERNEL==\"" address "\", "

static char *boot_path(Fixture *fixture) {
        return g_strdup_printf("%s.udev-boot", fixture->state_folder);
}

static char *read_boot(Fixture *fixture) {
        g_autofree char *path = boot_path(fixture);
        char *text = NULL;

        return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

static void on_file(GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, void *userdata) {
        (void)monitor, (void)file, (void)other, (void)event;
        *(bool *)userdata = true;
}

/* Waits until the file has this text, or not. A missing file has no text. */
static void wait_boot(Fixture *fixture, const char *text, bool has) {
        g_autofree char *path = boot_path(fixture);
        g_autoptr(GFile) file = g_file_new_for_path(path);
        g_autoptr(GFileMonitor) monitor = g_file_monitor_file(file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
        bool changed = false;

        g_signal_connect(monitor, "changed", G_CALLBACK(on_file), &changed);
        for (;;) {
                g_autofree char *found = read_boot(fixture);

                if ((strstr(found, text) != NULL) == has)
                        return;
                changed = false;
                do
                        (void)g_main_context_iteration(NULL, true);
                while (!changed);
        }
}

/* Without devices there is no file. */
static void wait_no_file(Fixture *fixture) {
        wait_boot(fixture, "KERNEL==", false);
        g_autofree char *path = boot_path(fixture);
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void assert_no_file(Fixture *fixture) {
        g_autofree char *text = read_boot(fixture);

        g_assert_cmpstr(text, ==, "");
}

static void rescan(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

/* An environment with a rule that has detached the NIC, and with its line. */
static Fixture *start_with_line(void) {
        Fixture *fixture = ruled_start(RULE_NIC);

        ruled_wait(fixture, NIC_PATH, "detached");
        wait_boot(fixture, LINE(NIC), true);
        return fixture;
}

static void test_line(void) {
        Fixture *fixture = start_with_line();
        g_autofree char *text = read_boot(fixture);

        g_assert_nonnull(strstr(text,
                        LINE(NIC) "ATTR{vendor}==\"0x8086\", ATTR{device}==\"0x10d3\", "
                                  "ATTR{subsystem_vendor}==\"0x8086\", ATTR{subsystem_device}==\"0x0000\", "
                                  "ATTR{class}==\"0x020000\", DEVPATH==\"*/0000:00:04.0/?\?\?\?:??:00.0\", "
                                  "ATTR{driver_override}=\"vfio-pci\", ENV{VFIOD_BOOT}=\"vfio-pci\", "
                                  "RUN{builtin}+=\"kmod load vfio-pci\"\n"));
        g_assert_nonnull(strstr(text, "\nIMPORT{cmdline}=\"vfiod.early\"\nENV{vfiod.early}==\"0\", GOTO="));
        /* Only one rule of the file has a value for driver_override, and none compares it. */
        g_assert_null(strstr(text, "{driver_override}=="));
        g_assert_null(strstr(text, "{driver_override}!="));

        /* The daemon does not remove the file when it ends. A device that is detached by a call has no line. */
        manager_expect(fixture, "Detach", "0000:00:07.0", NO_OPTIONS, "([('0000:00:07.0', '', 'vfio-pci', {})],)");
        fixture_restart_daemon(fixture);
        ruled_assert_quiet(fixture, NIC_PATH, "detached");
        g_autofree char *again = read_boot(fixture);
        g_assert_cmpstr(again, ==, text);

        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        wait_no_file(fixture);
        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        wait_boot(fixture, LINE(NIC), true);
        ruled_stop(fixture);
}

/* While the device is leased, the line remains. */
static void test_leased(void) {
        Fixture *fixture = start_with_line();

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        /* The list is compared again, and a worker would write another one. */
        rescan(fixture);
        ruled_assert_quiet(fixture, NIC_PATH, "leased");
        g_autofree char *text = read_boot(fixture);
        g_assert_nonnull(strstr(text, LINE(NIC)));
        (void)close(guard);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"));
        ruled_assert_quiet(fixture, NIC_PATH, "detached");
        wait_boot(fixture, LINE(NIC), true);
        ruled_stop(fixture);
}

/* While the device is reset, its line remains, also when the file is written for another device. */
static void test_reset(void) {
        Fixture *fixture = start_with_line();

        fake_kernel_do(fixture->kernel, "stall 1");
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Reset", "('" NIC "', " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'changing'");
        rule_file_put(fixture, RULES_OWN, "ports", RULE_PORTS);
        rescan(fixture);
        wait_boot(fixture, LINE(PORT1), true);
        g_autofree char *text = read_boot(fixture);
        g_assert_nonnull(strstr(text, LINE(NIC)));
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        wait_boot(fixture, LINE(NIC), true);
        rule_file_remove(fixture, RULES_OWN, "ports");
        ruled_stop(fixture);
}

/* There are more devices than those for which the events of others count. */
static void test_many(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        for (unsigned i = 0; i < 65; i++)
                fake_kernel_do(fixture->kernel,
                                "plug 0000:40:%02x.%u vendor=8086 device=10d3 class=020000 "
                                "subsystem=8086:0001 group=%u",
                                i / 8, i % 8, 100 + i);
        ruled_put(fixture, RULE_NEW);
        rescan(fixture);
        fixture_wait_log(fixture, "*udev-boot has 65 devices. For all but the first 64, *");
        g_autofree char *text = read_boot(fixture);
        g_assert_nonnull(strstr(text, LINE("0000:40:08.0")));
        ruled_stop(fixture);
}

/* The rule goes, is masked or is about another card: the line goes, and the device stays detached. */
static void test_rule_gone(void) {
        Fixture *fixture = start_with_line();

        rule_file_remove(fixture, RULES_OWN, "ours");
        rescan(fixture);
        wait_no_file(fixture);
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        ruled_put(fixture, RULE_NIC);
        rescan(fixture);
        wait_boot(fixture, LINE(NIC), true);
        rule_file_remove(fixture, RULES_OWN, "ours");
        rule_file_link(fixture, RULES_OWN, "ours", "/dev/null");
        rescan(fixture);
        wait_no_file(fixture);
        rule_file_remove(fixture, RULES_OWN, "ours");
        ruled_put(fixture, RULE_NIC);
        rescan(fixture);
        wait_boot(fixture, LINE(NIC), true);
        ruled_put(fixture, RULE_NEW);
        rescan(fixture);
        wait_no_file(fixture);
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        ruled_stop(fixture);
}

/* While the card is pulled, its line stays as long as its rule. Another card in the slot has no line. */
static void test_pulled(void) {
        Fixture *fixture = start_with_line();

        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        ruled_put(fixture, RULE_NIC "Override=network\n");
        rescan(fixture);
        wait_boot(fixture, LINE(NIC), true);
        fake_kernel_do(fixture->kernel,
                        "plug " NIC " vendor=8086 device=10d3 class=020000 subsystem=8086:0001 group=12 "
                        "parent=0000:00:04.0 driver=none");
        ruled_wait(fixture, NIC_PATH, "driverless");
        wait_no_file(fixture);
        ruled_stop(fixture);

        fixture = start_with_line();
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        ruled_put(fixture, RULE_NEW);
        rescan(fixture);
        wait_no_file(fixture);
        ruled_stop(fixture);
}

/* No line for a rule that is refused, and for one that may take a disk that the host uses. The members of a group that
 * a rule took along have lines. */
static void test_no_line(void) {
        Fixture *fixture = ruled_start(RULE_PORT1);

        ruled_assert_quiet(fixture, PORT1_PATH, "host");
        assert_no_file(fixture);
        ruled_put(fixture, RULE_NIC "Override=storage\n");
        rescan(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");
        ruled_put(fixture, RULE_PORTS);
        rescan(fixture);
        ruled_wait(fixture, PORT1_PATH, "detached");
        wait_boot(fixture, LINE(PORT1), true);
        wait_boot(fixture, LINE(PORT2), true);
        wait_boot(fixture, LINE(NIC), false);
        ruled_stop(fixture);
}

/* The files in /run are gone, and udev has put the devices on vfio-pci. */
static void forget(Fixture *fixture, const char *address) {
        g_autofree char *path = g_strdup_printf("%s/devices/%s", fixture->state_folder, address);

        g_assert_cmpint(g_unlink(path), ==, 0);
}

static void test_boot(void) {
        Fixture *fixture = start_with_line();

        fixture_stop_daemon(fixture);
        forget(fixture, NIC);
        fixture_start_daemon(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");
        fixture_property(fixture, NIC_PATH, DEVICE, "OriginalOverride", "''");
        wait_boot(fixture, LINE(NIC), true);
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, NIC);
        g_assert_cmpstr(override, ==, "(null)");
        wait_no_file(fixture);
        ruled_stop(fixture);
}

/* The rule was removed before the boot: the host gets the device. */
static void test_boot_without_rule(void) {
        Fixture *fixture = start_with_line();

        fixture_stop_daemon(fixture);
        forget(fixture, NIC);
        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_start_daemon(fixture);
        ruled_wait(fixture, NIC_PATH, "host");
        fixture_driver(fixture, NIC, "e1000e");
        g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, NIC);
        g_assert_cmpstr(override, ==, "(null)");
        wait_no_file(fixture);
        fixture_stop(fixture);
}

/* The rule is refused now: the host gets the device. */
static void test_boot_refused(void) {
        Fixture *fixture = ruled_start(RULE_PORTS);

        ruled_wait(fixture, PORT2_PATH, "detached");
        wait_boot(fixture, LINE(PORT1), true);
        wait_boot(fixture, LINE(PORT2), true);
        fixture_stop_daemon(fixture);
        forget(fixture, PORT1);
        forget(fixture, PORT2);
        ruled_put(fixture, RULE_PORT1);
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" PORT2 "/driver_override");
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers_probe");
        fixture_start_daemon(fixture);
        ruled_wait(fixture, PORT1_PATH, "host");
        fixture_driver(fixture, PORT1, "e1000");
        fixture_driver(fixture, PORT2, "e1000");
        wait_no_file(fixture);
        ruled_stop(fixture);
}

/* Another program took a card that is not the card of the line. */
static void test_boot_other_card(void) {
        Fixture *fixture = start_with_line();
        g_autofree char *path = boot_path(fixture), *text = read_boot(fixture);
        g_auto(GStrv) parts = g_strsplit(text, "8086:0000", -1);
        g_autofree char *other = g_strjoinv("8086:0007", parts);
        g_autoptr(GError) error = NULL;

        fixture_stop_daemon(fixture);
        forget(fixture, NIC);
        (void)g_file_set_contents(path, other, -1, &error);
        g_assert_no_error(error);
        fixture_start_daemon(fixture);
        wait_no_file(fixture);
        ruled_assert_quiet(fixture, NIC_PATH, "foreign");
        ruled_stop(fixture);
}

/* Only the card with an interface waits for the network. The daemon is ready before that. */
static void test_network(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.network = true});
        g_autofree char *online = g_strdup_printf("%s.online", fixture->state_folder);
        g_autoptr(GError) error = NULL;

        ruled_put(fixture, RULE_NIC);
        rule_file_put(fixture, RULES_OWN, "gpu", RULE_GPU);
        fixture_restart_daemon(fixture);
        fixture_wait_log(fixture, "settled");
        fixture_property(fixture, SOUND_PATH, DEVICE, "State", "'detached'");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        (void)g_file_set_contents(online, "", -1, &error);
        g_assert_no_error(error);
        ruled_wait(fixture, NIC_PATH, "detached");

        /* The next daemon does not wait: the network is online until the next boot. */
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        fixture_restart_daemon(fixture);
        fixture_wait_log(fixture, "settled");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");

        /* A card that udev has put on vfio-pci at boot has no interface to wait for. */
        wait_boot(fixture, LINE(NIC), true);
        fixture_stop_daemon(fixture);
        g_assert_cmpint(g_unlink(online), ==, 0);
        forget(fixture, NIC);
        fixture_start_daemon(fixture);
        fixture_wait_log(fixture, "settled");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        rule_file_remove(fixture, RULES_OWN, "gpu");
        ruled_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/boot/leased", test_leased);
        g_test_add_func("/bus/boot/reset", test_reset);
        g_test_add_func("/bus/boot/many", test_many);
        g_test_add_func("/bus/boot/line", test_line);
        g_test_add_func("/bus/boot/rule-gone", test_rule_gone);
        g_test_add_func("/bus/boot/pulled", test_pulled);
        g_test_add_func("/bus/boot/no-line", test_no_line);
        g_test_add_func("/bus/boot/boot", test_boot);
        g_test_add_func("/bus/boot/without-rule", test_boot_without_rule);
        g_test_add_func("/bus/boot/refused", test_boot_refused);
        g_test_add_func("/bus/boot/other-card", test_boot_other_card);
        g_test_add_func("/bus/boot/network", test_network);
        return g_test_run();
}
