/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <signal.h>
#include <unistd.h>

/* The objects of jobs: their properties, when they are added and removed, and how to cancel them. */

#define DETACH_NIC "('ens3', " NO_OPTIONS ")"
#define DETACH_CARD "('ens1', " ALL ")"
#define NIC_DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"
#define NIC_REATTACHED "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)"
#define CARD_DETACHED "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)"
#define JOB2 BUS_PATH "/jobs/2"
#define CHANGED(path) path " PropertiesChanged ('" JOB "', {*"
#define REMOVED(path) BUS_PATH " InterfacesRemoved ('" path "', ['" JOB "'])"

static guint64 started(Fixture *fixture, const char *path) {
        g_autofree char *text = fixture_get(fixture, path, JOB, "Started");
        const char *number = g_str_has_prefix(text, "uint64 ") ? text + strlen("uint64 ") : text;

        return g_ascii_strtoull(number, NULL, 10);
}

/* The worker waits in its second write, the unbind. */
static void test_properties(void) {
        gint64 before = g_get_real_time();
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 2);

        fixture_property(fixture, JOB1, JOB, "Number", "1");
        fixture_property(fixture, JOB1, JOB, "Kind", "'detach'");
        fixture_property(fixture, JOB1, JOB, "State", "'running'");
        fixture_property(fixture, JOB1, JOB, "GroupNumber", "12");
        fixture_property(fixture, JOB1, JOB, "DeviceAddresses", "['0000:05:00.0']");
        fixture_property(fixture, JOB1, JOB, "Step", "5");
        fixture_property(fixture, JOB1, JOB, "Steps", "7");
        fixture_property(fixture, JOB1, JOB, "Action", "'unbind'");
        fixture_property(fixture, JOB1, JOB, "Address", "'0000:05:00.0'");
        fixture_property(fixture, JOB1, JOB, "WaitsFor", "''");
        fixture_expect_own_job(fixture, JOB1, "test-bus-progre");
        g_assert_cmpint((gint64)started(fixture, JOB1), >=, before);
        g_assert_cmpint((gint64)started(fixture, JOB1), <=, g_get_real_time());

        /* the row of the list agrees */
        g_autofree char *caller = fixture_get(fixture, JOB1, JOB, "Caller");
        g_autofree char *row = g_strdup_printf("([(1, '" JOB1 "', 'detach', 'running', 12, ['0000:05:00.0'], 5, 7, "
                                               "'unbind', '0000:05:00.0', '', %s, %" G_GUINT64_FORMAT
                                               ", {'Cancelled': <false>})],)",
                        caller, started(fixture, JOB1));
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, row);

        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, NIC_DETACHED);
        fixture_expect_no_job(fixture);
        fixture_stop(fixture);
}

/* The object is announced with all properties, each step is signalled, and the caller gets the reply, and then
 * the object is removed. */
static void test_life(void) {
        static const char *const steps[] = {
                        "claim-disks", "load-driver", "record", "override", "unbind", "probe", "wait-node"};
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        g_autofree char *added = fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" JOB1 "', *");
        static const char *const properties[] = {"'Number': <", "'Kind': <'detach'>", "'State': <'running'>",
                        "'GroupNumber': <", "'DeviceAddresses': <['0000:05:00.0']>", "'Step': <", "'Steps': <",
                        "'Action': <'claim-disks'>", "'Address': <'0000:05:00.0'>", "'WaitsFor': <''>",
                        "'Caller': <{'Kind': <'call'>", "'Started': <"};
        for (unsigned i = 0; i < G_N_ELEMENTS(properties); i++)
                if (!strstr(added, properties[i]))
                        g_error("\"%s\" does not say %s", added, properties[i]);
        for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
                g_autofree char *pattern = g_strdup_printf(CHANGED(JOB1) "'Action': <'%s'>*", steps[i]);

                g_free(fixture_expect_signal(fixture, pattern));
        }
        g_free(fixture_expect_signal(fixture, REMOVED(JOB1)));
        fixture_refused(fixture, JOB1, PROPERTIES, "GetAll", "('" JOB "',)", UNKNOWN_OBJECT, "*");

        /* the next job has the next number */
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, NIC_REATTACHED);
        g_autofree char *second = fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" JOB2 "', *");
        g_assert_nonnull(strstr(second, "'Kind': <'reattach'>"));
        g_assert_nonnull(strstr(second, "'Action': <'lock-node'>"));
        g_free(fixture_expect_signal(fixture, REMOVED(JOB2)));
        fixture_stop(fixture);
}

/* A caller that does not wait: it learns the end from a signal, and later from the list. */
static void test_start(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "StartDetach", "ens3", NO_OPTIONS, "('" JOB1 "',)");
        /* the last state of the device comes before the end of the job */
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged *'State': <'detached'>*"));
        g_free(fixture_expect_signal(fixture,
                        BUS_PATH " JobRemoved (1, '" JOB1 "', 'done', '', '', {'Changes': <[('0000:05:00.0', 'e1000e', "
                                 "'vfio-pci', @a{sv} {})]>})"));
        g_free(fixture_expect_signal(fixture, REMOVED(JOB1)));
        fixture_expect_no_job(fixture);

        /* a job that fails */
        fake_kernel_do(fixture->kernel, "use nvme0n1");
        manager_expect(fixture, "StartDetach", "nvme0n1", NO_OPTIONS, "('" JOB2 "',)");
        g_free(fixture_expect_signal(fixture,
                        BUS_PATH " JobRemoved (2, '" JOB2
                                 "', 'failed', 'org.vfiod1.Error.InUseStorage', 'Only the caller and root*', "
                                 "{'Changes': <@a(sssa{sv}) []>, 'Device': <'0000:04:00.0'>, 'Group': <11>})"));
        /* an error that is known before */
        manager_refused(fixture, "StartReattach", "nvme0n1", NO_OPTIONS, "NotDetached", "*");
        /* a call that waits has the signal, too */
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, NIC_REATTACHED);
        g_free(fixture_expect_signal(fixture, BUS_PATH " JobRemoved (3, *'done', '', ''*"));

        g_autoptr(GVariant) list = fixture_call(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, NULL);
        g_autofree char *text = g_variant_print(list, false);
        static const char pattern[] =
                        "([(3, '/', 'reattach', 'done', 12, ['0000:05:00.0'], ?, ?, '', '', '', {'Kind': <'call'>*}, "
                        "*, "
                        "{'Cancelled': <false>, 'Ended': <*>, 'Error': <''>, 'Message': <''>}), "
                        "(2, '/', 'detach', 'failed', 11, ['0000:04:00.0'], ?, ?, '', '', '', {'Kind': <'call'>*}, *, "
                        "{'Cancelled': <false>, 'Ended': <*>, 'Error': <'org.vfiod1.Error.InUseStorage'>, 'Message': "
                        "<'Only the caller and root*'>, *}), (1, '/', 'detach', 'done', 12, *)],)";
        if (!g_pattern_match_simple(pattern, text))
                g_error("%s is not as expected: %s", text, pattern);
        fixture_stop(fixture);
}

/* Of many jobs that have ended, the newest are known. */
static void test_history(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        for (unsigned i = 0; i < 70; i++)
                manager_refused(fixture, "Detach", "nvme0n1", NO_OPTIONS, "InUseStorage", "*");
        g_free(fixture_expect_signal(fixture, BUS_PATH " JobRemoved (70, *"));
        g_autoptr(GVariant) list = fixture_call(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, NULL);
        g_autoptr(GVariant) rows = g_variant_get_child_value(list, 0);
        g_assert_cmpuint(g_variant_n_children(rows), ==, 64);
        for (guint32 i = 0; i < 64; i++) {
                g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
                guint32 number;

                g_variant_get_child(row, 0, "u", &number);
                g_assert_cmpuint(number, ==, 70 - i);
        }
        fixture_stop(fixture);
}

/* A job that is refused has an object too, until it ends. */
static void test_refused(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        manager_refused(fixture, "Detach", "nvme0n1", NO_OPTIONS, "InUseStorage", "*");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" JOB1 "', *"));
        g_free(fixture_expect_signal(fixture, REMOVED(JOB1)));
        fixture_expect_no_job(fixture);
        /* a call that is refused before its start has no job */
        manager_refused(fixture, "Reattach", "nvme0n1", NO_OPTIONS, "NotDetached", "*");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "0");
        while (g_main_context_iteration(NULL, false))
                ;
        for (unsigned i = 0; i < fixture->signals->len; i++)
                g_assert_null(strstr(fixture->signals->pdata[i], JOB));
        fixture_stop(fixture);
}

/* Two groups: each has its job, the newest job is listed first, and the jobs do not wait for each other. */
static void test_side_by_side(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *nic = fixture_detach_stalled(fixture, 2);

        fake_kernel_do(fixture->kernel, "stall 1");
        Pending *card = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", DETACH_CARD);
        fake_kernel_do(fixture->kernel, "wait-pending 2");
        fixture_wait_property(fixture, JOB2, JOB, "Action", "'override'");
        fixture_property(fixture, JOB1, JOB, "Action", "'unbind'");
        fixture_property(fixture, JOB2, JOB, "DeviceAddresses", "['0000:03:02.0', '0000:03:01.0']");
        g_autoptr(GVariant) list = fixture_call(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, NULL);
        g_autofree char *text = g_variant_print(list, false);
        g_assert_true(g_pattern_match_simple("([(2, '" JOB2 "', *), (1, '" JOB1 "', *)],)", text));

        /* a second job for one of these groups is refused, and the message names the first job */
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "Busy", "Another job is changing 0000:05:00.0*");
        manager_refused(fixture, "Detach", "ens2", ALL, "Busy", "Another job is changing 0000:03:0*");
        /* a job for a third group runs meanwhile */
        manager_expect(fixture, "Detach", "nvme0n1", NO_OPTIONS, "([('0000:04:00.0', 'nvme', 'vfio-pci', {})],)");

        fixture_cancel(fixture, JOB2);
        fake_kernel_do(fixture->kernel, "resume");
        pending_refused(card, "Cancelled", "*as it was before*");
        pending_expect(nic, NIC_DETACHED);
        fixture_driver(fixture, PORT1, "e1000");
        fixture_expect_no_job(fixture);
        fixture_stop(fixture);
}

/* Cancelled at each write: the caller gets the error, and everything is as before. */
static void test_cancel(void) {
        for (unsigned k = 1; k <= 3; k++) {
                Fixture *fixture = fixture_start(NULL);

                fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
                g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
                Pending *pending = fixture_detach_stalled(fixture, k);

                fixture_cancel(fixture, JOB1);
                fixture_property(fixture, JOB1, JOB, "State", "'cancelling'");
                g_free(fixture_expect_signal(fixture, CHANGED(JOB1) "'State': <'cancelling'>*"));
                fixture_cancel(fixture, JOB1);
                fake_kernel_do(fixture->kernel, "resume");
                pending_refused(pending, "Cancelled", "*as it was before*");
                g_free(fixture_expect_signal(fixture, REMOVED(JOB1)));

                g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
                g_assert_cmpstr(after, ==, before);
                fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
                manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
                fixture_stop(fixture);
        }
}

/* Another card has the name that the job waits for: all writes are done by then. */
static void test_finishing(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " ens3");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        Pending *pending = fixture_call_start(fixture, NIC_PATH, DEVICE, "Reattach", "(" NO_OPTIONS ",)");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" JOB2 "', *"));
        fixture_wait_property(fixture, JOB2, JOB, "State", "'finishing'");
        fixture_refused(fixture, JOB2, JOB, "Cancel", "(" NO_OPTIONS ",)", "Busy",
                        "*has done all its work*cannot be cancelled*");
        /* The other card loses the name, and nobody has it. */
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " ens8");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens8']");
        fixture_property(fixture, JOB2, JOB, "State", "'finishing'");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        pending_expect(pending, NIC_REATTACHED);
        fixture_driver(fixture, NIC, "e1000e");
        fixture_expect_no_job(fixture);
        fixture_stop(fixture);
}

/* The caller disconnects; its job continues and still shows who asked for it. */
static void test_caller_leaves(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        const char *const argv[] = {"busctl", "--system", "--timeout=60", "call", BUS_NAME, BUS_PATH, MANAGER, "Detach",
                        "sa{sv}", "ens3", "0", NULL};
        Process *caller = process_start(argv, NULL);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_wait_property(fixture, JOB1, JOB, "Action", "'unbind'");
        pid_t pid = process_get_pid(caller);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(caller), ==, 128 + SIGKILL);
        fixture_expect_caller(fixture, JOB1, pid, "busctl");
        fixture_property(fixture, JOB1, JOB, "State", "'running'");

        fake_kernel_do(fixture->kernel, "resume");
        g_free(fixture_expect_signal(fixture, REMOVED(JOB1)));
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_driver(fixture, NIC, "vfio-pci");
        fixture_stop(fixture);
}

/* The job was cancelled before it got stuck: the caller is told what will happen, and not that the job continues. */
static void test_stuck_after_cancel(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        Pending *pending = fixture_detach_stalled(fixture, 2);

        fixture_cancel(fixture, JOB1);
        pending_refused(pending, "Stuck", "*The job was cancelled: when the kernel returns, it undoes what it did.*");
        fixture_property(fixture, JOB1, JOB, "State", "'stuck'");
        fixture_property(fixture, JOB1, JOB, "Cancelled", "true");
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

/* A job is cancelled after its caller has disconnected: nobody is told, and everything is as before. */
static void test_cancel_for_nobody(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 3");
        GDBusConnection *caller = private_bus_connect();
        g_dbus_connection_call(caller, BUS_NAME, BUS_PATH, MANAGER, "Detach", g_variant_new_parsed(DETACH_NIC), NULL,
                        G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, NULL, NULL);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        (void)g_dbus_connection_close_sync(caller, NULL, NULL);
        g_object_unref(caller);
        fixture_cancel(fixture, JOB1);
        fake_kernel_do(fixture->kernel, "resume");
        g_free(fixture_expect_signal(fixture, REMOVED(JOB1)));
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

/* The worker dies; the object of the job stays the same: it is a detach until its end. */
static void test_recovering(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 4");
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", DETACH_CARD);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        /* the first write of the next worker */
        fake_kernel_do(fixture->kernel, "stall 1");
        fixture_kill_worker(fixture);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_wait_property(fixture, JOB1, JOB, "State", "'recovering'");
        fixture_property(fixture, JOB1, JOB, "Kind", "'detach'");
        fixture_property(fixture, JOB1, JOB, "GroupNumber", "10");
        fixture_refused(fixture, JOB1, JOB, "Cancel", "(" NO_OPTIONS ",)", "Busy", "*");
        fake_kernel_do(fixture->kernel, "resume");
        pending_refused(pending, "RolledBack", "*died*as it was before*");
        fixture_driver(fixture, PORT1, "e1000");
        fixture_expect_no_job(fixture);
        fixture_stop(fixture);
}

/* A detach is undone, and its caller gets the answer when the interface has its name again. */
static void test_undone(void) {
        /* This is also how long vfiod waits for the names. */
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = DEADLINE_MS});
        Pending *pending = fixture_detach_stalled(fixture, 3);

        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "[]");
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " ens3");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        fake_kernel_do(fixture->kernel, "noprobe " NIC);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, JOB1, JOB, "State", "'finishing'");
        fixture_driver(fixture, NIC, "e1000e");
        g_assert_false(pending_is_done(pending));
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " ens1");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens1']");
        /* Nobody has the name, and the card is found by it. */
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        /* Its driver makes the interface now. */
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/bind");
        pending_refused(pending, "RolledBack", "*");
        fixture_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        fixture_stop(fixture);
}

static bool cancel_says(Fixture *fixture, const char *part) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, JOB1, JOB, "Cancel", "(" NO_OPTIONS ",)", &error);
        const char *state, *text;

        g_assert_no_error(error);
        g_variant_get(reply, "(&s&s)", &state, &text);
        g_assert_cmpstr(state, ==, "cancelling");
        return strstr(text, part);
}

/* With udev, the interface comes back with the name that the kernel gives, and is renamed. */
static void test_undone_renamed(void) {
        /* vfiod would wait longer for a name than this test for vfiod. */
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 4 * DEADLINE_MS});
        Pending *pending = fixture_detach_stalled(fixture, 3);

        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "[]");
        fake_kernel_do(fixture->kernel, "netrename " NIC " eth7");
        fixture_cancel(fixture, JOB1);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['eth7']");
        /* The worker may not have ended yet. No property tells. */
        while (!cancel_says(fixture, "it has undone everything, and waits until the devices have their names again."))
                g_assert_false(pending_is_done(pending));
        g_assert_false(pending_is_done(pending));
        fake_kernel_do(fixture->kernel, "netrename " NIC " ens3");
        pending_refused(pending, "Cancelled", "*as it was before*");
        fixture_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        fixture_stop(fixture);
}

/* The daemon is late, as on a busy machine. What the worker had told before somebody called counts for the answer. */
static void test_late_daemon(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 1);
        pid_t daemon = process_get_pid(fixture->daemon);
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(kill(daemon, SIGSTOP), ==, 0);
        fake_kernel_do(fixture->kernel, "stall 2");
        fake_kernel_do(fixture->kernel, "resume");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        Pending *action = fixture_call_start(fixture, JOB1, PROPERTIES, "Get", "('" JOB "', 'Action')");
        /* After this reply, the bus has sent the call on. */
        g_autoptr(GVariant) G_GNUC_UNUSED reply = g_dbus_connection_call_sync(fixture->connection,
                        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", NULL, NULL,
                        G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(kill(daemon, SIGCONT), ==, 0);
        pending_expect(action, "(<'probe'>,)");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, NIC_DETACHED);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/progress/start", test_start);
        g_test_add_func("/bus/progress/history", test_history);
        g_test_add_func("/bus/progress/properties", test_properties);
        g_test_add_func("/bus/progress/life", test_life);
        g_test_add_func("/bus/progress/refused", test_refused);
        g_test_add_func("/bus/progress/side-by-side", test_side_by_side);
        g_test_add_func("/bus/progress/cancel", test_cancel);
        g_test_add_func("/bus/progress/finishing", test_finishing);
        g_test_add_func("/bus/progress/caller-leaves", test_caller_leaves);
        g_test_add_func("/bus/progress/stuck-after-cancel", test_stuck_after_cancel);
        g_test_add_func("/bus/progress/cancel-for-nobody", test_cancel_for_nobody);
        g_test_add_func("/bus/progress/recovering", test_recovering);
        g_test_add_func("/bus/progress/undone", test_undone);
        g_test_add_func("/bus/progress/undone-renamed", test_undone_renamed);
        g_test_add_func("/bus/progress/late-daemon", test_late_daemon);
        return g_test_run();
}
