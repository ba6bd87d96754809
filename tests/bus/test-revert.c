/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"
#include "polkit-stub.h"
#include "rule-files.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Reverts: the option "revert-after" of Detach, and Confirm. */

#define SHORT "{'revert-after': <uint64 1000000>}"
/* A slow test must still see the detached device before the deadline. */
#define SOON "{'revert-after': <uint64 5000000>}"
#define LONG "{'revert-after': <uint64 600000000>}"
#define LONGER "{'revert-after': <uint64 1200000000>}"
#define DETACHED "([('" NIC "', 'e1000e', 'vfio-pci', {})],)"
#define NODE "dev/vfio/12"

static uint64_t get_deadline(Fixture *fixture, const char *group) {
        g_autofree char *text = fixture_get(fixture, group, GROUP, "RevertAt");

        return g_ascii_strtoull(text, NULL, 10);
}

static void expect_deadline(Fixture *fixture, uint64_t seconds) {
        struct timespec now;
        uint64_t at = get_deadline(fixture, GROUP12);

        g_assert_cmpint(clock_gettime(CLOCK_BOOTTIME, &now), ==, 0);
        uint64_t left = at / 1000000 - (uint64_t)now.tv_sec;
        g_assert_cmpuint(left, <=, seconds);
        g_assert_cmpuint(left + 60, >, seconds);
}

static unsigned count_files(Fixture *fixture) {
        g_autofree char *path = g_build_filename(fixture->state_folder, "reverts", NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        unsigned n = 0;

        g_assert_nonnull(folder);
        while (g_dir_read_name(folder))
                n++;
        return n;
}

static void expect_text(const char *text, const char *pattern) {
        if (!g_pattern_match_simple(pattern, text))
                g_error("'%s' does not match '%s'", text, pattern);
}

/* The revert is over, and its file is removed. */
static void wait_over(Fixture *fixture, const char *group) {
        fixture_wait_property(fixture, group, GROUP, "RevertAt", "0");
        /* A worker removes the file, and a signal tells that it is removed. */
        while (count_files(fixture) > 0)
                g_free(fixture_expect_signal(fixture, "* PropertiesChanged ('" GROUP "'*'RevertAt': <uint64 0>*"));
}

static void expect_back(Fixture *fixture) {
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        wait_over(fixture, GROUP12);
}

/* Nobody confirms: the devices come back, by a job of its own kind. */
static void test_deadline(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
        g_assert_cmpuint(count_files(fixture), ==, 1);
        g_assert_cmpuint(get_deadline(fixture, GROUP12), >, 0);
        fixture_property(fixture, GROUP12, GROUP, "RevertWaitsFor", "''");
        expect_back(fixture);
        g_autoptr(GVariant) jobs = fixture_call(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, &error);
        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(jobs, false);
        expect_text(text, "(?(2, '/', 'reattach', 'done', 12, *{'Kind': <'revert'>, 'Uid': <*0>}*");
        manager_refused(fixture, "Confirm", NIC, NO_OPTIONS, "NoRevert", "*nothing to confirm for*deadline*");
        fixture_stop(fixture);
}

static void test_confirm(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_refused(fixture, "Confirm", "", NO_OPTIONS, "NoRevert", "*no revert is pending*");
        fixture_property(fixture, BUS_PATH, MANAGER, "RevertCount", "0");
        manager_expect(fixture, "Detach", NIC, LONG, DETACHED);
        fixture_wait_property(fixture, BUS_PATH, MANAGER, "RevertCount", "1");
        manager_refused(fixture, "Confirm", PORT1, NO_OPTIONS, "NoRevert", "*");
        manager_expect(fixture, "Confirm", NIC, NO_OPTIONS, "([12],)");
        g_free(fixture_expect_signal(fixture, "* PropertiesChanged ('" MANAGER "'*'RevertCount': <uint32 0>*"));
        fixture_property(fixture, BUS_PATH, MANAGER, "RevertCount", "0");
        wait_over(fixture, GROUP12);
        fixture_driver(fixture, NIC, "vfio-pci");
        manager_refused(fixture, "Confirm", NIC, NO_OPTIONS, "NoRevert", "*");
        fixture_restart_daemon(fixture);
        fixture_property(fixture, GROUP12, GROUP, "RevertAt", "0");
        fixture_stop(fixture);
}

/* Without a selector, all that are pending; also with companions, and started without waiting. */
static void test_confirm_all(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        manager_expect(fixture, "StartDetach", NIC, LONG, "('" JOB1 "',)");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_wait_property(fixture, GROUP12, GROUP, "RevertWaitsFor", "''");
        g_variant_unref(fixture_call(fixture, GROUP10, GROUP, "Detach", "(" LONG ",)", &error));
        g_assert_no_error(error);
        g_assert_cmpuint(count_files(fixture), ==, 2);
        g_autoptr(GVariant) groups = fixture_call(fixture, BUS_PATH, MANAGER, "ListGroups", NULL, &error);
        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(groups, false);
        expect_text(text, "*(10, *{'RevertAt': <*>, 'RevertWaitsFor': <''>}*(12, *{'RevertAt': <*");
        manager_expect(fixture, "Confirm", "", NO_OPTIONS, "([10, 12],)");
        wait_over(fixture, GROUP10);
        wait_over(fixture, GROUP12);
        fixture_stop(fixture);
}

/* vfiod dies, and is back before the deadline. */
static void test_crash(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, SHORT, DETACHED);
        uint64_t at = get_deadline(fixture, GROUP12);
        fixture_crash_daemon(fixture);
        uint64_t again = get_deadline(fixture, GROUP12);
        g_assert_true(again == at || again == 0);
        expect_back(fixture);
        fixture_stop(fixture);
}

/* The deadline passes while vfiod does not run. */
static void test_down(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
        uint64_t at = get_deadline(fixture, GROUP12);
        fixture_stop_daemon(fixture);
        fixture_driver(fixture, NIC, "vfio-pci");
        struct timespec deadline = {.tv_sec = (time_t)(at / 1000000), .tv_nsec = (long)(at % 1000000) * 1000};
        g_assert_cmpint(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &deadline, NULL), ==, 0);
        fixture_driver(fixture, NIC, "vfio-pci");
        fixture_start_daemon(fixture);
        expect_back(fixture);
        fixture_stop(fixture);
}

/* vfiod dies while the group is being detached. The next one undoes the detach, and drops the revert. */
static void test_crash_while_detaching(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *detach = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " SHORT ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        g_assert_cmpuint(count_files(fixture), ==, 1);
        fixture_crash_daemon(fixture);
        g_assert_null(pending_finish(detach, &error));
        fake_kernel_do(fixture->kernel, "resume");
        expect_back(fixture);
        fixture_stop(fixture);
}

/* A detach that fails leaves no revert. */
static void test_failed_detach(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "fail 2 EIO");
        manager_refused(fixture, "Detach", NIC, LONG, "RolledBack", "*");
        fixture_property(fixture, GROUP12, GROUP, "RevertAt", "0");
        manager_expect(fixture, "Detach", NIC, LONG, DETACHED);
        g_assert_cmpuint(count_files(fixture), ==, 1);
        fixture_stop(fixture);
}

/* One port is detached for good. A revert of the other one would give both back, so it is refused. */
static void test_partly_detached(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        g_variant_unref(fixture_call(fixture, BUS_PATH, MANAGER, "Detach", "('" PORT1 "', " ALL ")", &error));
        g_assert_no_error(error);
        g_autofree char *override = g_strdup_printf(OVERRIDE, PORT2);
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, "\n", override);
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "State", "'host'");
        fixture_refused(fixture, GROUP10, GROUP, "Detach", "(" LONG ",)", "AlreadyDetached",
                        PORT1 ", which is in the same group, *");
        fixture_property(fixture, GROUP10, GROUP, "RevertAt", "0");
        g_assert_cmpuint(count_files(fixture), ==, 0);
        fixture_expect(fixture, GROUP10, GROUP, "Detach", "(" NO_OPTIONS ",)",
                        "([('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_property(fixture, PORT1_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

/* A process has the device open: the revert comes when it ends. */
static void test_held(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/" NODE " && echo ready && exec sleep 1000", fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "ready");
        fixture_wait_property(fixture, GROUP12, GROUP, "RevertWaitsFor", "'a process'");
        fixture_driver(fixture, NIC, "vfio-pci");
        g_assert_cmpint(kill(process_get_pid(holder), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        expect_back(fixture);
        fixture_stop(fixture);
}

/* The same, but somebody confirms while the revert waits. */
static void test_confirm_while_held(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/" NODE " && echo ready && exec sleep 1000", fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "ready");
        fixture_wait_property(fixture, GROUP12, GROUP, "RevertWaitsFor", "'a process'");
        for (;;) {
                g_autoptr(GVariant) reply =
                                fixture_call(fixture, BUS_PATH, MANAGER, "Confirm", "('', " NO_OPTIONS ")", &error);
                if (reply)
                        break;
                /* vfiod just searches for holders. */
                error_expect(error, "Busy", "*Try again*");
                g_clear_error(&error);
        }
        wait_over(fixture, GROUP12);
        g_assert_cmpint(kill(process_get_pid(holder), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        fixture_driver(fixture, NIC, "vfio-pci");
        fixture_stop(fixture);
}

/* A user has a lease of the group: the revert comes when it ends. */
static void test_leased(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        fixture_wait_property(fixture, GROUP12, GROUP, "RevertWaitsFor", "'the end of a lease'");
        fixture_driver(fixture, NIC, "vfio-pci");
        (void)close(guard);
        expect_back(fixture);
        fixture_stop(fixture);
}

/* Somebody reattaches the group before the deadline. */
static void test_reattach(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, LONG, DETACHED);
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        wait_over(fixture, GROUP12);
        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, DETACHED);
        fixture_property(fixture, GROUP12, GROUP, "RevertAt", "0");
        fixture_stop(fixture);
}

/* A second detach moves the deadline. Without a pending revert, there is nothing to revert. */
static void test_move(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, LONG, DETACHED);
        expect_deadline(fixture, 600);
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "AlreadyDetached", "*");
        expect_deadline(fixture, 600);
        manager_expect(fixture, "Detach", NIC, LONGER, "([],)");
        expect_deadline(fixture, 1200);
        manager_expect(fixture, "StartDetach", NIC, LONG, "('/',)");
        expect_deadline(fixture, 600);
        fixture_restart_daemon(fixture);
        expect_deadline(fixture, 600);
        manager_expect(fixture, "Confirm", NIC, NO_OPTIONS, "([12],)");
        manager_refused(fixture, "Detach", NIC, LONG, "AlreadyDetached", "*");
        wait_over(fixture, GROUP12);
        fixture_stop(fixture);
}

static void test_limits(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_refused(fixture, "Detach", NIC, "{'revert-after': <uint64 999999>}", INVALID_ARGS, "*one second*");
        manager_refused(fixture, "Detach", NIC, "{'revert-after': <uint64 86400000001>}", INVALID_ARGS, "*one day*");
        manager_refused(fixture, "Detach", NIC, "{'revert-after': <uint32 5000000>}", INVALID_ARGS, "*(t)*");
        manager_refused(fixture, "Reattach", NIC, LONG, INVALID_ARGS, "*no option*");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

static void write_file(Fixture *fixture, const char *name, const char *text) {
        g_autofree char *path = g_build_filename(fixture->state_folder, "reverts", name, NULL);
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_set_contents(path, text, -1, &error));
        g_assert_no_error(error);
}

/* A damaged file stops nothing: the other reverts go on. */
static void test_damaged(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, LONG, DETACHED);
        fixture_stop_daemon(fixture);
        write_file(fixture, "7", "vfiod-revert 1 00000000 ffffffffffffffffffffffffffffffff\n{}");
        write_file(fixture, "nonsense", "");
        fixture_start_daemon(fixture);
        expect_deadline(fixture, 600);
        manager_expect(fixture, "Confirm", NIC, NO_OPTIONS, "([12],)");
        fixture_stop(fixture);
}

/* A rule that matches the device does not detach it again. */
static void test_rule(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        manager_expect(fixture, "Detach", NIC, SOON, DETACHED);
        rule_file_put(fixture, RULES_OWN, "nic", "[Match]\nAddress=" NIC "\nVendor=8086\nDevice=10d3\n");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        expect_back(fixture);
        g_autoptr(GVariant) rules = fixture_call(fixture, BUS_PATH, MANAGER, "ListRules", NULL, &error);
        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(rules, false);
        expect_text(text, "*'" NIC "', 'released', *");
        fixture_stop(fixture);
}

static PolkitVerdict authorize_all(const PolkitQuery *query, void *userdata) {
        (void)query, (void)userdata;
        return VERDICT_AUTHORIZE;
}

static Pending *call_from(GDBusConnection *connection, const char *method, const char *arguments) {
        return connection_call_start(connection, G_DBUS_CALL_FLAGS_NONE, BUS_PATH, MANAGER, method, arguments);
}

/* Only root and the user who asked for the revert may confirm it, or move it. */
static void test_owner(void) {
        Fixture *fixture = fixture_start(NULL);
        PolkitStub *polkit = polkit_stub_start(authorize_all, NULL);
        g_autoptr(GDBusConnection) alice = private_bus_connect_as(ALICE_UID), bob = private_bus_connect_as(BOB_UID);

        pending_expect(call_from(alice, "Detach", "('" NIC "', " LONG ")"), DETACHED);
        pending_refused(call_from(bob, "Confirm", "('" NIC "', " NO_OPTIONS ")"), ACCESS_DENIED, "*only root and*");
        pending_refused(call_from(bob, "Confirm", "('', " NO_OPTIONS ")"), "NoRevert", "*");
        pending_refused(call_from(bob, "Detach", "('" NIC "', " LONGER ")"), ACCESS_DENIED, "*only root and*");
        expect_deadline(fixture, 600);
        pending_expect(call_from(alice, "Detach", "('" NIC "', " LONGER ")"), "([],)");
        expect_deadline(fixture, 1200);
        pending_expect(call_from(alice, "Confirm", "('', " NO_OPTIONS ")"), "([12],)");
        wait_over(fixture, GROUP12);
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        pending_expect(call_from(alice, "Detach", "('" NIC "', " LONG ")"), DETACHED);
        manager_expect(fixture, "Confirm", NIC, NO_OPTIONS, "([12],)");
        g_clear_object(&alice);
        g_clear_object(&bob);
        polkit_stub_stop(polkit);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/revert/deadline", test_deadline);
        g_test_add_func("/bus/revert/confirm", test_confirm);
        g_test_add_func("/bus/revert/confirm-all", test_confirm_all);
        g_test_add_func("/bus/revert/crash", test_crash);
        g_test_add_func("/bus/revert/down", test_down);
        g_test_add_func("/bus/revert/crash-while-detaching", test_crash_while_detaching);
        g_test_add_func("/bus/revert/failed-detach", test_failed_detach);
        g_test_add_func("/bus/revert/partly-detached", test_partly_detached);
        g_test_add_func("/bus/revert/held", test_held);
        g_test_add_func("/bus/revert/confirm-while-held", test_confirm_while_held);
        g_test_add_func("/bus/revert/leased", test_leased);
        g_test_add_func("/bus/revert/reattach", test_reattach);
        g_test_add_func("/bus/revert/move", test_move);
        g_test_add_func("/bus/revert/limits", test_limits);
        g_test_add_func("/bus/revert/damaged", test_damaged);
        g_test_add_func("/bus/revert/rule", test_rule);
        g_test_add_func("/bus/revert/owner", test_owner);
        return g_test_run();
}
