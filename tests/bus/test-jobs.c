/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

/* What happens while a job is running: other calls wait or are refused, the caller may disconnect, and the kernel
 * may not return. */

#define NIC_DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"

static void test_busy(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 2);

        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'changing'");
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Busy", "Another job is changing 0000:05:00.0*");
        manager_refused(fixture, "Detach", "group:12", NO_OPTIONS, "Busy", "Another job is changing 0000:05:00.0*");
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "Busy", "*");
        fixture_refused(fixture, GROUP12, GROUP, "Reattach", "(" NO_OPTIONS ",)", "Busy", "*");

        /* other devices do not wait */
        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, NIC_DETACHED);
        fixture_property(fixture, GROUP12, GROUP, "State", "'detached'");
        fixture_stop(fixture);
}

static void test_stuck(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        Pending *pending = fixture_detach_stalled(fixture, 2);

        pending_refused(pending, "Stuck", "*'unbind' of 0000:05:00.0*");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'stuck'");
        fixture_property(fixture, GROUP12, GROUP, "State", "'stuck'");
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Stuck",
                        "An earlier job on 0000:05:00.0 is stuck in the kernel*");
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "Stuck",
                        "An earlier job on 0000:05:00.0 is stuck in the kernel*");

        /* everything else continues */
        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_expect(fixture, BUS_PATH, MANAGER, "GetDevice", "('ens3',)", "('" NIC_PATH "',)");

        /* the job ends by itself when the kernel returns */
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_driver(fixture, NIC, "vfio-pci");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        fixture_stop(fixture);
}

/* A stuck job delays neither the end of the daemon nor the next daemon. */
static void test_restart_while_stuck(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        Pending *pending = fixture_detach_stalled(fixture, 2);

        pending_refused(pending, "Stuck", "*");
        fixture_restart_daemon(fixture);
        fixture_expect(fixture, BUS_PATH, MANAGER, "GetDevice", "('ens1',)", "('" PORT1_PATH "',)");
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "Driver", "'vfio-pci'");
        fixture_stop(fixture);
}

/* When the daemon ends, waiting callers get a reply. */
static void test_stop_while_busy(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 2);
        g_autoptr(GError) error = NULL;

        fixture_restart_daemon(fixture);
        g_autoptr(GVariant) reply = pending_finish(pending, &error);
        g_assert_null(reply);
        g_assert_nonnull(error);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "Driver", "'vfio-pci'");
        fixture_stop(fixture);
}

/* The interface is gone, and the job has not ended: the device is still found by its name. */
static void test_name(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 3);

        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "[]");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, NIC_DETACHED);
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        fixture_stop(fixture);
}

/* A caller that disconnects does not stop the job. */
static void test_caller_leaves(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        GDBusConnection *caller = private_bus_connect();
        g_dbus_connection_call(caller, BUS_NAME, BUS_PATH, MANAGER, "Detach",
                        g_variant_new_parsed("('ens3', " NO_OPTIONS ")"), NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS,
                        NULL, NULL, NULL);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        (void)g_dbus_connection_close_sync(caller, NULL, NULL);
        g_object_unref(caller);

        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        fixture_stop(fixture);
}

/* Two groups at the same time. */
static void test_side_by_side(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *nic = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('ens3', " NO_OPTIONS ")");
        Pending *disk = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('nvme0n1', " NO_OPTIONS ")");
        Pending *card = fixture_call_start(fixture, GROUP10, GROUP, "Detach", "(" NO_OPTIONS ",)");

        pending_expect(nic, NIC_DETACHED);
        pending_expect(disk, "([('0000:04:00.0', 'nvme', 'vfio-pci', {})],)");
        pending_expect(card,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "4");
        fixture_stop(fixture);
}

#define JOBS_MAX 64

static void test_limits(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending[JOBS_MAX];

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        for (unsigned i = 0; i <= JOBS_MAX; i++)
                fake_kernel_do(fixture->kernel, "plug 0000:%02x:00.0 vendor=1234 device=11e8 class=00ff00 group=%u",
                                0x20 + i, 100 + i);
        for (unsigned i = 0; i < JOBS_MAX; i++)
                fake_kernel_do(fixture->kernel, "stall %u", i + 1);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *_30000_3a60_3a00_2e0*"));

        for (unsigned i = 0; i < JOBS_MAX; i++) {
                g_autofree char *arguments = g_strdup_printf("('group:%u', " NO_OPTIONS ")", 100 + i);

                pending[i] = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", arguments);
        }
        fake_kernel_do(fixture->kernel, "wait-pending %u", JOBS_MAX);
        manager_refused(fixture, "Detach", "group:164", NO_OPTIONS, "LimitsExceeded", "64 jobs*");
        fake_kernel_do(fixture->kernel, "resume");
        for (unsigned i = 0; i < JOBS_MAX; i++) {
                g_autofree char *expected = g_strdup_printf("([('0000:%02x:00.0', '', 'vfio-pci', {})],)", 0x20 + i);

                pending_expect(pending[i], expected);
        }
        manager_expect(fixture, "Detach", "group:164", NO_OPTIONS, "([('0000:60:00.0', '', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/jobs/busy", test_busy);
        g_test_add_func("/bus/jobs/stuck", test_stuck);
        g_test_add_func("/bus/jobs/restart-while-stuck", test_restart_while_stuck);
        g_test_add_func("/bus/jobs/stop-while-busy", test_stop_while_busy);
        g_test_add_func("/bus/jobs/name", test_name);
        g_test_add_func("/bus/jobs/caller-leaves", test_caller_leaves);
        g_test_add_func("/bus/jobs/side-by-side", test_side_by_side);
        g_test_add_func("/bus/jobs/limits", test_limits);
        return g_test_run();
}
