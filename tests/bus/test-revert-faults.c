/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

/* Reverts when something goes wrong: files of an earlier detach, other cards, dead workers, calls at the wrong time. */

#define SHORT "{'revert-after': <uint64 1000000>}"
/* A slow test must still see the revert before its deadline. */
#define SOON "{'revert-after': <uint64 5000000>}"
#define LONG "{'revert-after': <uint64 600000000>}"
#define DETACHED "([('" NIC "', 'e1000e', 'vfio-pci', {})],)"
#define REATTACHED "([('" NIC "', 'vfio-pci', 'e1000e', {})],)"

static char *revert_path(Fixture *fixture, const char *name) {
        return g_build_filename(fixture->state_folder, "reverts", name, NULL);
}

static char *read_revert(Fixture *fixture, const char *name) {
        g_autofree char *path = revert_path(fixture, name);
        g_autoptr(GError) error = NULL;
        char *text = NULL;

        (void)g_file_get_contents(path, &text, NULL, &error);
        g_assert_no_error(error);
        return text;
}

static void wait_over(Fixture *fixture, const char *group) {
        fixture_wait_property(fixture, group, GROUP, "RevertAt", "0");
}

/* The file of a revert is there again, or could not be removed, and the device was detached by another call since then: this stays. */
static void test_stale(void) {
        static const char *const options[] = {NO_OPTIONS, LONG};

        for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
                Fixture *fixture = fixture_start(NULL);
                g_autoptr(GError) error = NULL;

                manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
                g_autofree char *text = read_revert(fixture, "1"), *path = revert_path(fixture, "9");
                fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
                wait_over(fixture, GROUP12);
                manager_expect(fixture, "Detach", NIC, options[i], DETACHED);
                fixture_stop_daemon(fixture);
                g_assert_true(g_file_set_contents(path, text, -1, &error));
                /* its deadline has passed */
                fixture_start_daemon(fixture);
                while (g_file_test(path, G_FILE_TEST_EXISTS))
                        g_free(fixture_expect_signal(fixture, "* PropertiesChanged ('" GROUP "'*'RevertAt': *"));
                fixture_driver(fixture, NIC, "vfio-pci");
                fixture_expect_no_job(fixture);
                if (i > 0)
                        manager_expect(fixture, "Confirm", NIC, NO_OPTIONS, "([12],)");
                else
                        manager_refused(fixture, "Confirm", NIC, NO_OPTIONS, "NoRevert", "*");
                manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, REATTACHED);
                fixture_stop(fixture);
        }
}

/* Another card is in the slot of one port: the other port goes back. */
static void test_swapped(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        g_variant_unref(fixture_call(fixture, GROUP10, GROUP, "Detach", "(" SHORT ",)", &error));
        g_assert_no_error(error);
        fake_kernel_do(fixture->kernel, "swap " PORT1 " vendor=8086 device=10d4 class=020000 group=10");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "DeviceId", "4308");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, PORT2, "e1000");
        wait_over(fixture, GROUP10);
        fixture_stop(fixture);
}

/* The worker dies while it detaches, and so does the next one, which undoes that: the revert remains, and is tried again. */
static void test_dead_workers(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *detach = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " SOON ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fake_kernel_do(fixture->kernel, "stall 1");
        fixture_kill_worker(fixture);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_kill_worker(fixture);
        g_assert_null(pending_finish(detach, &error));
        error_expect(error, "Failed", "*could not undo its changes: A second worker process died, too.*");
        g_autofree char *deadline = fixture_get(fixture, GROUP12, GROUP, "RevertAt");
        g_assert_cmpstr(deadline, !=, "0");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        wait_over(fixture, GROUP12);
        fixture_stop(fixture);
}

/* Nobody knows yet whether the detach is good. */
static void test_confirm_early(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *detach = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " LONG ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        manager_refused(fixture, "Confirm", NIC, NO_OPTIONS, "Busy", "The detach of " NIC " still runs*");
        manager_refused(fixture, "Confirm", "group:12", NO_OPTIONS, "Busy", "The detach of " NIC " still runs*");
        manager_refused(fixture, "Confirm", "", NO_OPTIONS, "Busy", "The detach of " NIC " still runs*");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(detach, DETACHED);
        manager_expect(fixture, "Confirm", NIC, NO_OPTIONS, "([12],)");
        wait_over(fixture, GROUP12);
        fixture_stop(fixture);
}

/* All are to be confirmed, but not all can be. */
static void test_confirm_some(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        g_variant_unref(fixture_call(fixture, GROUP10, GROUP, "Detach", "(" LONG ",)", &error));
        g_assert_no_error(error);
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *detach = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " LONG ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        manager_refused(fixture, "Confirm", "", NO_OPTIONS, "Failed",
                        "Not confirmed: group 12 (" NIC "): The detach of " NIC " still runs* Confirmed: group 10.");
        wait_over(fixture, GROUP10);
        fixture_driver(fixture, PORT1, "vfio-pci");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(detach, DETACHED);
        manager_expect(fixture, "Confirm", "", NO_OPTIONS, "([12],)");
        wait_over(fixture, GROUP12);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/revert-faults/stale", test_stale);
        g_test_add_func("/bus/revert-faults/swapped", test_swapped);
        g_test_add_func("/bus/revert-faults/dead-workers", test_dead_workers);
        g_test_add_func("/bus/revert-faults/confirm-early", test_confirm_early);
        g_test_add_func("/bus/revert-faults/confirm-some", test_confirm_some);
        return g_test_run();
}
