/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"
#include "planned.h"

#include <string.h>
#include <unistd.h>

/* Plan with the empty selector: which groups the host uses. */

#define ALL_GROUPS(options) PLAN_OF("", "detach", options)

static char *availability_of(const Planned *planned, int group) {
        g_autoptr(GVariant) groups = g_variant_lookup_value(planned->details, "Groups", G_VARIANT_TYPE("a(isa{sv})"));
        const char *availability;
        GVariantIter iterator;
        int number;

        g_assert_nonnull(groups);
        g_variant_iter_init(&iterator, groups);
        while (g_variant_iter_next(&iterator, "(i&s@a{sv})", &number, &availability, NULL))
                if (number == group)
                        return g_strdup(availability);
        return NULL;
}

static void expect_availability(const Planned *planned, int group, const char *expected) {
        g_autofree char *availability = availability_of(planned, group);

        if (g_strcmp0(availability, expected) != 0)
                g_error("group %d is %s and not %s: %s", group, availability, expected, planned->findings);
}

static void test_availability(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/0000:07:00.0/driver_override");
        fixture_write(fixture, "0000:07:00.0", "sys/bus/pci/drivers/igb/unbind");
        fixture_write(fixture, "0000:07:00.0", "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "State", "'foreign'");
        fake_kernel_do(fixture->kernel, "driver shpchp ids=1b36:000e");
        fixture_write(fixture, BRIDGE, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a02_3a00_2e0", DEVICE, "Driver", "'shpchp'");
        fake_kernel_do(fixture->kernel, "reset-writes");
        g_auto(Planned) planned = plan_make(fixture, ALL_GROUPS(NO_OPTIONS));

        g_assert_false(planned.would_go);
        g_assert_cmpstr(planned.steps, ==, "[]");
        g_assert_cmpstr(planned.fingerprint, ==, "");
        expect_availability(&planned, 0, "host-only");
        expect_availability(&planned, 1, "in-use");
        expect_availability(&planned, 10, "not-viable");
        expect_availability(&planned, 11, "available");
        expect_availability(&planned, 12, "detached");
        expect_availability(&planned, 13, "available");
        expect_availability(&planned, 14, "foreign");
        g_assert_true(g_pattern_match_simple(
                        "[('not-viable', '0000:02:00.0', *), ('already-detached', '0000:05:00.0', *), "
                        "('foreign', '0000:07:00.0', *), ('display', '0000:00:01.0', *, false, {})]",
                        planned.findings));
        planned_expect_details(&planned, 1, "{'Error': <'org.vfiod1.Error.AlreadyDetached'>, 'Group': <12>}");
        planned_expect_details(&planned, 3,
                        "{'Error': <'org.vfiod1.Error.InUseDisplay'>, 'Group': <1>, 'Options': <['override']>}");
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        fixture_expect_no_job(fixture);

        g_auto(Planned) overridden = plan_make(fixture, ALL_GROUPS("{'override': <['display']>}"));
        expect_availability(&overridden, 1, "available");
        fixture_stop(fixture);
}

/* A lease, and a job that is under way. */
static void test_taken(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 60000});
        Pending *pending = fixture_detach_stalled(fixture, 2);
        g_auto(Planned) changing = plan_make(fixture, ALL_GROUPS(NO_OPTIONS));

        expect_availability(&changing, 12, "changing");
        g_assert_true(g_str_has_prefix(changing.findings, "[('busy', '0000:05:00.0', "));
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        g_auto(Planned) detached = plan_make(fixture, ALL_GROUPS(NO_OPTIONS));
        expect_availability(&detached, 12, "detached");
        fixture_stop(fixture);
}

/* VFs on a driver would vanish with their PF. */
static void test_vfs(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) G_GNUC_UNUSED vfs = fixture_call(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions",
                        "('ens4', uint32 2, {'driverless': <true>})", &error);
        g_assert_no_error(error);
        g_auto(Planned) driverless = plan_make(fixture, ALL_GROUPS(NO_OPTIONS));
        expect_availability(&driverless, 14, "available");

        g_autoptr(GVariant) G_GNUC_UNUSED detached = fixture_call(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions",
                        "('ens4', uint32 2, {'detach': <true>})", &error);
        g_assert_no_error(error);
        g_auto(Planned) used = plan_make(fixture, ALL_GROUPS(NO_OPTIONS));
        expect_availability(&used, 14, "in-use");
        g_assert_nonnull(strstr(used.findings, "('virtual-functions', '0000:07:00.0', 'its virtual function "));
        fixture_stop(fixture);
}

#define N_CARDS 500

/* The host is read once, and not for each group. */
static void test_time(void) {
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < N_CARDS; i++)
                fake_kernel_do(fixture->kernel,
                                "plug 0001:%02x:%02x.0 vendor=8086 device=10d3 class=020000 group=%u net=many%u "
                                "driver=e1000e",
                                i / 32, i % 32, 100 + i, i);
        fixture_wait_property(fixture, BUS_PATH "/devices/_30001_3a0f_3a13_2e0", DEVICE, "Driver", "'e1000e'");
        /* The shortest times: other programs delay some of the calls. */
        gint64 one_us = G_MAXINT64, all_us = G_MAXINT64;
        for (unsigned i = 0; i < 3; i++) {
                gint64 begin = g_get_monotonic_time();
                g_auto(Planned) G_GNUC_UNUSED one = plan_make(fixture, DETACH_NIC);
                gint64 between = g_get_monotonic_time();
                g_auto(Planned) all = plan_make(fixture, ALL_GROUPS(NO_OPTIONS));
                one_us = MIN(one_us, between - begin);
                all_us = MIN(all_us, g_get_monotonic_time() - between);
                expect_availability(&all, 100 + N_CARDS - 1, "available");
        }
        g_test_message("%u groups: %d ms, one group: %d ms", N_CARDS, (int)(all_us / 1000), (int)(one_us / 1000));
        g_assert_cmpint(all_us, <, one_us * N_CARDS / 2);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/groups-plan/availability", test_availability);
        g_test_add_func("/bus/groups-plan/taken", test_taken);
        g_test_add_func("/bus/groups-plan/vfs", test_vfs);
        g_test_add_func("/bus/groups-plan/time", test_time);
        return g_test_run();
}
