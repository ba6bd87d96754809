/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Leases whose devices, or whose daemon, change meanwhile. All leases are root's. */

#define OVER BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"
#define PORTS "{'companions': <['*']>, 'override': <['no-reset']>}"
#define NODE "dev/vfio/12"
#define VF0 "0000:07:10.0"
#define VF0_PATH BUS_PATH "/devices/_30000_3a07_3a10_2e0"
#define TWO_VFS "('ens4', uint32 2, {'detach': <true>})"

static void expect_over(Fixture *fixture) {
        g_free(fixture_expect_signal(fixture, OVER));
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListLeases", NULL, "([],)");
}

/* A process that has the device open. */
static Process *start_holder(Fixture *fixture) {
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/" NODE " && echo ready && exec sleep 1000", fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);

        process_expect_line(holder, "ready");
        return holder;
}

static void end_holder(Process *holder) {
        g_assert_cmpint(kill(process_get_pid(holder), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
}

/* The first device of the lease is gone: the others go home nevertheless. */
static void test_first_unplugged(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, PORT1, PORTS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        fixture_driver(fixture, PORT2, "vfio-pci");
        fake_kernel_do(fixture->kernel, "unplug " PORT1);
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        (void)close(guard);
        expect_over(fixture);
        fixture_driver(fixture, PORT2, "e1000");
        fixture_property(fixture, PORT2_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

static void expect_no_file(Fixture *fixture) {
        g_autofree char *folder = g_build_filename(fixture->state_folder, "leases", NULL);
        g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);

        g_assert_nonnull(files);
        for (const char *name; (name = g_dir_read_name(files));)
                g_assert_cmpstr(name, ==, ".vfiod.lock");
}

/* vfiod dies while the group is being detached. The worker goes on, and the next vfiod reattaches the group. */
static void test_crash_while_starting(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *lease = fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", "('" NIC "', " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_property(fixture, LEASE1, LEASE, "State", "'starting'");
        fixture_crash_daemon(fixture);
        g_assert_null(pending_finish(lease, &error));
        fake_kernel_do(fixture->kernel, "resume");
        /* Until then, it is "changing" or "leased". */
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        g_free(fixture_expect_signal(fixture, OVER));
        expect_no_file(fixture);
        fixture_stop(fixture);
}

/* The group cannot be detached: there is no lease, and no file remains. */
static void test_failed_start(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "fail 2 EIO");
        lessee_refused(fixture, NIC, NO_OPTIONS, "RolledBack", "*");
        fixture_driver(fixture, NIC, "e1000e");
        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, BUS_PATH "/leases/2");
        (void)close(lessee_claim(fixture, ticket));
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" BUS_PATH "/leases/2'*"));
        expect_no_file(fixture);
        fixture_stop(fixture);
}

/* All devices are gone: the lease goes on until its guard is closed. */
static void test_unplugged(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        manager_refused(fixture, "Reattach", NIC, NO_OPTIONS, "Leased", "*");
        fixture_property(fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(guard);
        expect_over(fixture);
        fixture_stop(fixture);
}

/* Another card is in the slot, also one of the same model: its user gets no access to it, and vfiod does not touch it. */
static void test_plugged_again(void) {
        static const char *const cards[] = {"plug " NIC " vendor=8086 device=10d3 class=020000 group=12",
                        "plug " NIC " vendor=8086 device=100e class=020000 group=12"};

        for (size_t i = 0; i < G_N_ELEMENTS(cards); i++) {
                Fixture *fixture = fixture_start(NULL);

                g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
                int guard = lessee_claim(fixture, ticket);
                fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
                fake_kernel_do(fixture->kernel, "unplug " NIC);
                fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
                fake_kernel_do(fixture->kernel, "%s", cards[i]);
                fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
                manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Leased", "*");
                fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
                (void)close(guard);
                expect_over(fixture);
                fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
                fixture_stop(fixture);
        }
}

static void test_rescan(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'leased'");
        fixture_property(fixture, GROUP12, GROUP, "State", "'leased'");
        (void)close(guard);
        expect_over(fixture);
        fixture_stop(fixture);
}

/* While a VF is leased, nothing removes it. */
static void test_virtual_function(void) {
        Fixture *fixture = fixture_start(NULL);

        g_variant_unref(fixture_call(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", TWO_VFS, NULL));
        g_autofree char *ticket = lessee_start(fixture, VF0, "{'override': <['no-reset']>}", LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, VF0_PATH, DEVICE, "State", "'leased'");
        static const char *const options[] = {
                        NO_OPTIONS, "{'detach': <true>}", "{'override': <['virtual-functions', 'process']>}"};
        for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
                g_autofree char *none = g_strdup_printf("('ens4', uint32 0, %s)", options[i]),
                                *more = g_strdup_printf("('ens4', uint32 3, %s)", options[i]);

                fixture_refused(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", none, "Leased", "*" VF0 "*");
                fixture_refused(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", more, "Leased", "*" VF0 "*");
        }
        manager_refused(fixture, "Detach", "0000:07:00.0", NO_OPTIONS, "Leased", "*" VF0 "*");
        manager_refused(fixture, "Detach", "0000:07:00.0", "{'override': <['virtual-functions', 'network']>}", "Leased",
                        "*" VF0 "*");
        fixture_property(fixture, VF0_PATH, DEVICE, "State", "'leased'");
        (void)close(guard);
        expect_over(fixture);
        fixture_property(fixture, VF0_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

/* Releases twice, and by force while a process has the device open. */
static void test_release(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/" NODE " && echo ready && exec sleep 1000", fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "ready");
        fixture_expect(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "()");
        fixture_expect(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "()");
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'lingering'");
        fixture_expect(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "()");
        fixture_expect(fixture, LEASE1, LEASE, "Release", "({'force': <true>},)", "()");
        expect_over(fixture);
        fixture_driver(fixture, NIC, "e1000e");
        end_holder(holder);
        (void)close(guard);
        fixture_stop(fixture);
}

/* The daemon crashes in this state of the lease. The next one ends the lease, because here nobody keeps the guard. */
static void crash(const char *state) {
        Fixture *fixture = fixture_start(NULL);
        Process *holder = NULL;

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        if (g_strcmp0(state, "unclaimed") != 0) {
                int guard = lessee_claim(fixture, ticket);
                if (g_str_equal(state, "lingering"))
                        holder = start_holder(fixture);
                if (!g_str_equal(state, "active")) {
                        /* otherwise the lease would be over before this test has seen that it ends */
                        if (g_str_equal(state, "ending"))
                                fake_kernel_do(fixture->kernel, "stall 1");
                        (void)close(guard);
                        g_autofree char *value = g_strdup_printf("'%s'", state);
                        fixture_wait_property(fixture, LEASE1, LEASE, "State", value);
                        if (g_str_equal(state, "ending"))
                                fake_kernel_do(fixture->kernel, "wait-pending 1");
                }
        }
        fixture_crash_daemon(fixture);
        fake_kernel_do(fixture->kernel, "resume");
        if (holder) {
                fixture_wait_property(fixture, LEASE1, LEASE, "State", "'lingering'");
                end_holder(holder);
        }
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

static void test_crash(void) {
        crash("unclaimed");
        crash("active");
        crash("ending");
        crash("lingering");
}

/* Returns a thread of this process that is not its first. GLib has one for D-Bus. */
static int thread_id(void) {
        g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
        const char *name;

        g_assert_nonnull(tasks);
        while ((name = g_dir_read_name(tasks)))
                if (atoi(name) != getpid())
                        return atoi(name);
        g_error("there is no thread");
}

/* The pid of a thread does not name a process. */
static void test_thread(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *options = g_strdup_printf("{'pid': <uint32 %d>}", thread_id());

        lessee_refused(fixture, NIC, options, "Failed", "There is no process*");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/lease-changes/first-unplugged", test_first_unplugged);
        g_test_add_func("/bus/lease-changes/unplugged", test_unplugged);
        g_test_add_func("/bus/lease-changes/plugged-again", test_plugged_again);
        g_test_add_func("/bus/lease-changes/rescan", test_rescan);
        g_test_add_func("/bus/lease-changes/virtual-function", test_virtual_function);
        g_test_add_func("/bus/lease-changes/release", test_release);
        g_test_add_func("/bus/lease-changes/crash", test_crash);
        g_test_add_func("/bus/lease-changes/thread", test_thread);
        g_test_add_func("/bus/lease-changes/crash-while-starting", test_crash_while_starting);
        g_test_add_func("/bus/lease-changes/failed-start", test_failed_start);
        return g_test_run();
}
