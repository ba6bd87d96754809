/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "ruled.h"

/* A vfio driver that the caller or a rule names. */

#define VARIANT "demo-nic-vfio-pci"
#define MODULE "demo_nic_vfio_pci"

static void add_variant(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "driver " VARIANT " module=" MODULE " loaded=0");
}

static void test_named(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_refused(fixture, "Detach", "ens3", "{'driver': <'e1000e'>}", INVALID_ARGS,
                        "'e1000e' is no vfio driver: *");
        manager_refused(fixture, "Detach", "ens3", "{'driver': <'../vfio'>}", INVALID_ARGS, "*is no vfio driver*");
        manager_refused(fixture, "Detach", "ens3", "{'driver': <1>}", INVALID_ARGS, "Option 'driver' is a string*");
        manager_refused(fixture, "Detach", "ens3", "{'driver': <'" MODULE "'>}", "DriverUnavailable",
                        "Cannot load the module '" MODULE "'*");
        fixture_driver(fixture, NIC, "e1000e");
        add_variant(fixture);
        manager_expect(fixture, "Detach", "ens3", "{'driver': <'" MODULE "'>}",
                        "([('" NIC "', 'e1000e', '" VARIANT "', {})],)");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('" NIC "', '" VARIANT "', 'e1000e', {})],)");
        fixture_stop(fixture);
}

static void test_vfioctl(void) {
        Fixture *fixture = fixture_start(NULL);

        add_variant(fixture);
        g_auto(ProgramResult) plan = vfioctl("plan ens3 --driver=" VARIANT);
        g_assert_nonnull(strstr(plan.output, "it gets " VARIANT));
        g_assert_nonnull(strstr(plan.output, "vfioctl detach ens3 --driver=" VARIANT " --plan="));
        EXPECT(0, "*", "detach ens3 --driver=" VARIANT);
        fixture_driver(fixture, NIC, VARIANT);
        EXPECT(2, "*does not take --driver*", "reattach ens3 --driver=" VARIANT);
        EXPECT(0, "*", "reattach ens3");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

/* The driver is remembered for a card that comes back into its slot. */
static void test_replugged(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        add_variant(fixture);
        EXPECT(0, "*", "detach ens3 --driver=" VARIANT);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fake_kernel_do(fixture->kernel, "swap " NIC);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *hot-plug)");
        fixture_driver(fixture, NIC, VARIANT);
        fixture_stop(fixture);
}

static void test_rule(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        add_variant(fixture);
        ruled_put(fixture, "[Match]\nVendor=8086\nDevice=10d3\n[Detach]\nDriver=" MODULE "\n");
        fixture_restart_daemon(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, *");
        fixture_driver(fixture, NIC, VARIANT);
        /* Also when it is plugged in, whatever its early rule has bound. */
        fake_kernel_do(fixture->kernel, "swap " NIC);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *rule ours)");
        fixture_driver(fixture, NIC, VARIANT);
        ruled_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/variant/named", test_named);
        g_test_add_func("/variant/vfioctl", test_vfioctl);
        g_test_add_func("/variant/replugged", test_replugged);
        g_test_add_func("/variant/rule", test_rule);
        return g_test_run();
}
