/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruled.h"

/* Devices that are plugged in, pulled and replaced, with and without rules. */

#define NIC_CARD "vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=12 parent=0000:00:04.0 net=ens3"
#define RULE_NIC "[Match]\nAddress=" NIC "\nVendor=8086\nDevice=10d3\nSubsystem=8086:0000\n\n[Detach]\n"

/* The rule applies at the start. After a reattach by a call, it does not detach the device again. The next start
 * detaches it again. */
static void test_start(void) {
        Fixture *fixture = ruled_start(RULE_NIC);

        ruled_wait(fixture, NIC_PATH, "detached");
        fixture_property(fixture, NIC_PATH, DEVICE, "OriginalDriver", "'e1000e'");
        while (g_main_context_iteration(NULL, false))
                ;
        g_ptr_array_set_size(fixture->signals, 0);
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        g_free(fixture_expect_signal(fixture, BUS_PATH " RulesChanged ()"));
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        fixture_restart_daemon(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");

        /* An administrator reattaches it: vfiod does not detach it again. */
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" NIC "/driver_override");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers_probe");
        ruled_wait(fixture, NIC_PATH, "host");
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        ruled_stop(fixture);
}

/* The host driver is loaded and binds it for a moment. */
static void test_plug(void) {
        Fixture *fixture = ruled_start(RULE_NEW);

        for (unsigned i = 0; i < 3; i++) {
                fake_kernel_do(fixture->kernel, PLUG_NEW);
                g_free(fixture_expect_signal(fixture,
                                i == 0 ? BUS_PATH " InterfacesAdded ('" NEW_PATH "'*"
                                       : NEW_PATH " PropertiesChanged *'State': <'changing'>*"));
                ruled_wait(fixture, NEW_PATH, "detached");
                fixture_property(fixture, NEW_PATH, DEVICE, "OriginalDriver", "'e1000e'");
                fixture_property(fixture, NEW_PATH, DEVICE, "OriginalOverride", "''");
                fixture_property(fixture, GROUP20, GROUP, "Viable", "true");
                fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
                /* Ignore the signals up to now. */
                while (g_main_context_iteration(NULL, false))
                        ;
                g_ptr_array_set_size(fixture->signals, 0);
                fake_kernel_do(fixture->kernel, "unplug " NEW);
                ruled_wait(fixture, NEW_PATH, "absent");
        }
        ruled_stop(fixture);
}

/* Pulled while it is detached, and plugged in again at once. */
static void pull_and_return(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        fake_kernel_do(fixture->kernel, "plug " NIC " " NIC_CARD);
}

/* Another card is in the slot that the rule names. */
static void test_other_card(void) {
        Fixture *fixture = ruled_start(RULE_NIC);

        ruled_wait(fixture, NIC_PATH, "detached");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        fake_kernel_do(fixture->kernel,
                        "plug " NIC " vendor=8086 device=10d3 class=020000 subsystem=8086:9999 group=12 "
                        "parent=0000:00:04.0 net=ens9");
        ruled_wait(fixture, NIC_PATH, "host");
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        /* The right card again. */
        pull_and_return(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");
        ruled_stop(fixture);
}

/* Detached by a call, pulled, and plugged in again: it is detached again, and its original binding is still known. */
static void test_return(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        pull_and_return(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");

        /* If it is reattached before it is pulled, it stays with the host. */
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" NIC_PATH "'*"));
        fake_kernel_do(fixture->kernel, "plug " NIC " " NIC_CARD);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" NIC_PATH "'*"));
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        fixture_stop(fixture);
}

/* Pulled during its reattach: vfiod forgets it, and does not detach it again when it returns. */
static void test_return_reattached(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel, "vanish 2 " NIC);
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "Degraded", "*" NIC " is gone from its slot*");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" NIC_PATH "'*"));
        fake_kernel_do(fixture->kernel, "plug " NIC " " NIC_CARD);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" NIC_PATH "'*"));
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        fixture_stop(fixture);
}

/* Pulled while it is detached: a reattach of the absent device forgets it, and it stays with the host when it
 * returns. */
static void test_return_forgotten(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([],)");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" NIC_PATH "'*"));
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "NoSuchDevice", "*" NIC "*");
        fake_kernel_do(fixture->kernel, "plug " NIC " " NIC_CARD);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" NIC_PATH "'*"));
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        fixture_stop(fixture);
}

/* The detach fails at first and is tried again. Meanwhile its original binding is not forgotten. */
static void test_return_again(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        fake_kernel_do(fixture->kernel, "fail 2 EIO");
        fake_kernel_do(fixture->kernel, "plug " NIC " " NIC_CARD);
        ruled_wait(fixture, NIC_PATH, "detached");
        fixture_property(fixture, NIC_PATH, DEVICE, "OriginalDriver", "'e1000e'");
        fixture_stop(fixture);
}

/* Meanwhile a new member has joined the group, and there is no consent to it: the detach is refused, and the
 * original binding is not forgotten. */
static void test_return_refused(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        ruled_wait(fixture, NIC_PATH, "absent");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:05:00.1 vendor=8086 device=10d3 class=020000 group=12 parent=0000:00:04.0");
        fake_kernel_do(fixture->kernel, "plug " NIC " " NIC_CARD " driver=none");
        ruled_wait(fixture, NIC_PATH, "driverless");
        ruled_assert_quiet(fixture, NIC_PATH, "driverless");
        fixture_property(fixture, NIC_PATH, DEVICE, "OriginalDriver", "'e1000e'");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', '', 'e1000e', {})],)");
        fixture_stop(fixture);
}

/* A new member joins a detached group: it is not detached without consent, and vfiod reports that the group is not
 * viable. */
static void test_joins(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:05:00.1 vendor=8086 device=10d3 class=020000 group=12 parent=0000:00:04.0");
        g_autofree char *told = fixture_expect_signal(
                        fixture, GROUP12 " PropertiesChanged ('" GROUP "', {*'Blockers': <[('0000:05:00.1'*");
        g_assert_nonnull(strstr(
                        told, "'Blockers': <[('0000:05:00.1', 'e1000e', 'e1000e does DMA for the host', @a{sv} {})]>"));
        g_assert_nonnull(strstr(told, "'Viable': <false>"));
        fixture_property(fixture, GROUP12, GROUP, "State", "'partial'");
        manager_expect(fixture, "Detach", "0000:05:00.1", NO_OPTIONS,
                        "([('0000:05:00.1', 'e1000e', 'vfio-pci', {})],)");
        fixture_property(fixture, GROUP12, GROUP, "Viable", "true");
        fixture_stop(fixture);
}

/* The rule consents to all companions, also to a companion that is plugged in later. */
static void test_joins_agreed(void) {
        Fixture *fixture = ruled_start(RULE_NIC "Companions=all\n");

        ruled_wait(fixture, NIC_PATH, "detached");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:05:00.1 vendor=1234 device=11e8 class=00ff00 group=12 parent=0000:00:04.0");
        ruled_wait(fixture, BUS_PATH "/devices/_30000_3a05_3a00_2e1", "detached");
        fixture_property(fixture, GROUP12, GROUP, "State", "'detached'");
        ruled_stop(fixture);
}

/* A job is changing its group when it is plugged in: it waits, and then it is detached. */
static void test_busy(void) {
        Fixture *fixture = fixture_start(NULL);

        ruled_put(fixture, "[Match]\nVendor=1234\nDevice=11e8\nSubsystem=1234:0001\n[Detach]\nCompanions=all\n");
        fixture_restart_daemon(fixture);
        Pending *pending = fixture_detach_stalled(fixture, 2);
        fake_kernel_do(fixture->kernel,
                        "plug 0000:05:00.1 vendor=1234 device=11e8 class=00ff00 subsystem=1234:0001 group=12 "
                        "parent=0000:00:04.0");
        g_free(fixture_expect_signal(
                        fixture, BUS_PATH " InterfacesAdded ('" BUS_PATH "/devices/_30000_3a05_3a00_2e1'*"));
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a05_3a00_2e1", DEVICE, "State", "'driverless'");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        ruled_wait(fixture, BUS_PATH "/devices/_30000_3a05_3a00_2e1", "detached");
        ruled_stop(fixture);
}

/* A detach that fails right after the card was plugged in may succeed a moment later, because udev examines the card
 * too. */
static void test_temporary_failure(void) {
        Fixture *fixture = ruled_start(RULE_NEW);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "fail 2 EBUSY");
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        ruled_wait(fixture, NEW_PATH, "detached");
        ruled_stop(fixture);
}

/* The detach fails each time: finally it stays with the host and is not tried again. */
static void test_permanent_failure(void) {
        Fixture *fixture = fixture_start(NULL);

        /* Before the daemon has a rule, because it loads the driver for a rule. */
        fake_kernel_do(fixture->kernel, "blacklist vfio_pci");
        ruled_put(fixture, RULE_NEW);
        fixture_restart_daemon(fixture);
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" JOB1 "'*"));
        ruled_wait(fixture, NEW_PATH, "host");
        ruled_assert_quiet(fixture, NEW_PATH, "host");
        ruled_stop(fixture);
}

/* Pulled during the job of its rule, and plugged in again. */
static void test_pulled(void) {
        Fixture *fixture = ruled_start(RULE_NEW);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fake_kernel_do(fixture->kernel, "unplug " NEW);
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        fake_kernel_do(fixture->kernel, "resume");
        ruled_wait(fixture, NEW_PATH, "detached");
        fixture_driver(fixture, NEW, "vfio-pci");
        ruled_stop(fixture);
}

/* A rule asks for VFs: they are created and detached, and no host driver ever binds them; a second start changes
 * nothing. */
#define PF "0000:07:00.0"
#define PHYSICAL_PATH BUS_PATH "/devices/_30000_3a07_3a00_2e0"

static void test_vfs(void) {
        Fixture *fixture = ruled_start("[Match]\nVendor=8086\nDevice=10c9\n[Detach]\nVirtualFunctions=4\n");

        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions",
                        "['0000:07:10.0', '0000:07:10.1', '0000:07:10.2', '0000:07:10.3']");
        ruled_wait(fixture, BUS_PATH "/devices/_30000_3a07_3a10_2e3", "detached");
        ruled_wait(fixture, PHYSICAL_PATH, "host");
        fixture_driver(fixture, PF, "igb");
        g_autofree char *autoprobe =
                        fake_kernel_read(fixture->kernel, "sys/bus/pci/devices/" PF "/sriov_drivers_autoprobe");
        g_assert_cmpstr(autoprobe, ==, "1");

        fake_kernel_do(fixture->kernel, "reset-writes");
        fixture_restart_daemon(fixture);
        ruled_assert_quiet(fixture, PHYSICAL_PATH, "host");
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a07_3a10_2e0", DEVICE, "State", "'detached'");
        ruled_stop(fixture);
}

/* The driver of the PF is bound after the rule was read, and restarted later: each time, the rule creates the VFs. After somebody
 * has removed them, it does not. */
static void test_driver_of_pf(void) {
        Fixture *fixture = ruled_start("[Match]\nVendor=8086\nDevice=10c9\n[Detach]\nVirtualFunctions=2\n");
        static const char unbind[] = "sys/bus/pci/drivers/igb/unbind", bind[] = "sys/bus/pci/drivers/igb/bind",
                          two[] = "['0000:07:10.0', '0000:07:10.1']",
                          second[] = BUS_PATH "/devices/_30000_3a07_3a10_2e1";

        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions", two);
        ruled_wait(fixture, second, "detached");
        fixture_write(fixture, PF, unbind);
        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions", "[]");
        ruled_assert_quiet(fixture, PHYSICAL_PATH, "driverless");
        fixture_write(fixture, PF, bind);
        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions", two);
        ruled_wait(fixture, second, "detached");
        ruled_assert_quiet(fixture, PHYSICAL_PATH, "host");

        fixture_write(fixture, PF, unbind);
        fixture_restart_daemon(fixture);
        ruled_assert_quiet(fixture, PHYSICAL_PATH, "driverless");
        fixture_write(fixture, PF, bind);
        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions", two);
        ruled_wait(fixture, second, "detached");
        ruled_assert_quiet(fixture, PHYSICAL_PATH, "host");

        fixture_write(fixture, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs");
        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions", "[]");
        fixture_write(fixture, PF, unbind);
        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "State", "'driverless'");
        fixture_write(fixture, PF, bind);
        fixture_wait_property(fixture, PHYSICAL_PATH, DEVICE, "State", "'host'");
        ruled_assert_quiet(fixture, PHYSICAL_PATH, "host");
        fixture_property(fixture, PHYSICAL_PATH, DEVICE, "VirtualFunctions", "[]");
        ruled_stop(fixture);
}

/* The daemon waits this long for an interface. */
#define PATIENCE_US (2 * G_USEC_PER_SEC)

/* Returns how long it took until the driver was unbound. If that was before the end of PATIENCE_US, the daemon still waited, and the
 * test is complete. */
static gint64 interface_comes_later(void) {
        Fixture *fixture = ruled_start(RULE_NEW);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        gint64 begin = g_get_monotonic_time();
        /* Its name is used already, so it has no interface at all. */
        fake_kernel_do(fixture->kernel,
                        "plug " NEW " vendor=8086 device=10d3 class=020000 subsystem=8086:0001 group=20 net=ens3");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" NEW_PATH "'*"));
        ruled_synchronize(fixture);
        bool has_job = fixture_has_job(fixture);
        fake_kernel_do(fixture->kernel, "netrename " NIC " ens99");
        int unbound = fake_kernel_write(fixture->kernel, NEW, "sys/bus/pci/drivers/e1000e/unbind");
        gint64 took_us = g_get_monotonic_time() - begin;
        if (took_us < PATIENCE_US) {
                g_assert_false(has_job);
                g_assert_cmpint(unbound, ==, 0);
                fixture_write(fixture, NEW, "sys/bus/pci/drivers/e1000e/bind");
                /* There was no earlier job. */
                g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" BUS_PATH "/jobs/1'*"));
                ruled_wait(fixture, NEW_PATH, "detached");
        }
        ruled_stop(fixture);
        return took_us;
}

/* The driver creates the interface a moment after it was bound: until then the interface could be in a container. */
static void test_interface_later(void) {
        g_autoptr(GString) times = g_string_new(NULL);

        for (unsigned i = 0; i < 10; i++) {
                gint64 took_us = interface_comes_later();

                if (took_us < PATIENCE_US)
                        return;
                g_string_append_printf(times, " %" G_GINT64_FORMAT, took_us / 1000);
        }
        g_error("This machine is too slow. Milliseconds until the driver was unbound:%s", times->str);
}

/* Another program is unbinding it from vfio-pci when the rules are read again. */
static void test_unbinding(void) {
        Fixture *fixture = ruled_start(RULE_NIC);

        ruled_wait(fixture, NIC_PATH, "detached");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/vfio-pci/unbind");
        ruled_wait(fixture, NIC_PATH, "driverless");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        ruled_assert_quiet(fixture, NIC_PATH, "driverless");
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" NIC "/driver_override");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers_probe");
        ruled_wait(fixture, NIC_PATH, "host");
        ruled_assert_quiet(fixture, NIC_PATH, "host");
        ruled_stop(fixture);
}

/* More devices than there can be jobs. */
#define MANY 100

static void test_many(void) {
        Fixture *fixture = ruled_start("[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0001\n");

        for (unsigned i = 0; i < MANY; i++)
                fake_kernel_do(fixture->kernel,
                                "plug 0000:40:%02x.%u vendor=8086 device=10d3 class=020000 subsystem=8086:0001 "
                                "group=%u",
                                i / 8, i % 8, 100 + i);
        for (unsigned i = 0; i < MANY; i++) {
                g_autofree char *path = g_strdup_printf(BUS_PATH "/devices/_30000_3a40_3a%02x_2e%u", i / 8, i % 8);

                ruled_wait(fixture, path, "detached");
        }
        ruled_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/hotplug/start", test_start);
        g_test_add_func("/bus/hotplug/plug", test_plug);
        g_test_add_func("/bus/hotplug/other-card", test_other_card);
        g_test_add_func("/bus/hotplug/return", test_return);
        g_test_add_func("/bus/hotplug/return-reattached", test_return_reattached);
        g_test_add_func("/bus/hotplug/return-forgotten", test_return_forgotten);
        g_test_add_func("/bus/hotplug/return-again", test_return_again);
        g_test_add_func("/bus/hotplug/return-refused", test_return_refused);
        g_test_add_func("/bus/hotplug/joins", test_joins);
        g_test_add_func("/bus/hotplug/joins-agreed", test_joins_agreed);
        g_test_add_func("/bus/hotplug/busy", test_busy);
        g_test_add_func("/bus/hotplug/temporary-failure", test_temporary_failure);
        g_test_add_func("/bus/hotplug/permanent-failure", test_permanent_failure);
        g_test_add_func("/bus/hotplug/pulled", test_pulled);
        g_test_add_func("/bus/hotplug/vfs", test_vfs);
        g_test_add_func("/bus/hotplug/driver-of-pf", test_driver_of_pf);
        g_test_add_func("/bus/hotplug/unbinding", test_unbinding);
        g_test_add_func("/bus/hotplug/interface-later", test_interface_later);
        g_test_add_func("/bus/hotplug/many", test_many);
        return g_test_run();
}
