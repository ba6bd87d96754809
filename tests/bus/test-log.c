/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "fixture.h"
#include "log-socket.h"
#include "polkit-stub.h"

#include <signal.h>
#include <unistd.h>

/* What vfiod logs: one entry for each change and for each refusal, with who asked for it. */

#define PF "0000:07:00.0"
#define ENTRIES_PER_USER 16

typedef struct Scene {
        LogSocket *log;
        Fixture *fixture;
        PolkitStub *polkit;
        PolkitVerdict verdict;
        GDBusConnection *alice;
} Scene;

static PolkitVerdict decide(const PolkitQuery *query, void *userdata) {
        const Scene *scene = userdata;

        (void)query;
        return scene->verdict;
}

static void scene_begin_with(Scene *scene, const FixtureOptions *options) {
        FixtureOptions own = *options;

        *scene = (Scene){.log = log_socket_start()};
        own.log_socket = log_socket_get_path(scene->log);
        scene->fixture = fixture_start(&own);
        scene->polkit = polkit_stub_start(decide, scene);
        scene->alice = private_bus_connect_as(ALICE_UID);
}

static void scene_begin(Scene *scene) {
        scene_begin_with(scene, &(FixtureOptions){});
}

/* Ends the daemon, so that all its entries have arrived. */
static void scene_end_daemon(Scene *scene) {
        g_clear_object(&scene->alice);
        scene->polkit = polkit_stub_stop(scene->polkit);
        scene->fixture = fixture_stop(scene->fixture);
}

static void scene_end(Scene *scene) {
        if (scene->fixture)
                scene_end_daemon(scene);
        scene->log = log_socket_stop(scene->log);
}

static Pending *call_of_alice(Scene *scene, const char *method, const char *arguments) {
        return connection_call_start(scene->alice, G_DBUS_CALL_FLAGS_NONE, BUS_PATH, MANAGER, method, arguments);
}

/* Who made a call of the test itself. */
static void expect_root(const char *entry) {
        g_autofree char *pid = g_strdup_printf("VFIOD_CALLER_PID=%d", (int)getpid());
        g_autofree char *caller = g_strdup_printf("VFIOD_CALLER=uid 0, process %d (test-bus-log)", (int)getpid());

        log_entry_expect(entry, "VFIOD_CALLER_UID=0", pid, caller, "VFIOD_CALLER_COMMAND=test-bus-log",
                        "VFIOD_POLKIT=not asked");
}

static void test_changes(void) {
        Scene scene;

        scene_begin(&scene);
        manager_expect(scene.fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        const char *detached = log_socket_expect(scene.log, MESSAGE_DETACHED);
        expect_root(detached);
        log_entry_expect(detached, "PRIORITY=5", "VFIOD_VERB=detach", "VFIOD_DEVICE=" NIC, "VFIOD_GROUP=12",
                        "VFIOD_JOB=1", "VFIOD_BEFORE=" NIC "=e1000e", "VFIOD_AFTER=" NIC "=vfio-pci",
                        "VFIOD_RESULT=done", "!VFIOD_REASON=*", "!VFIOD_OPTIONS=*",
                        "MESSAGE=detach: 0000:05:00.0 is on vfio-pci now, was on e1000e (group 12, for uid 0, *)");
        manager_expect(scene.fixture, "Reattach", "ens3", "{'force': <true>}",
                        "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        const char *reattached = log_socket_expect(scene.log, MESSAGE_REATTACHED);
        log_entry_expect(reattached, "VFIOD_VERB=reattach", "VFIOD_OPTIONS=force", "VFIOD_JOB=2",
                        "VFIOD_BEFORE=" NIC "=vfio-pci", "VFIOD_AFTER=" NIC "=e1000e");

        manager_expect(scene.fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        (void)log_socket_expect(scene.log, MESSAGE_DETACHED);
        manager_expect(scene.fixture, "Reset", "ens3", NO_OPTIONS, "()");
        const char *reset = log_socket_expect(scene.log, MESSAGE_RESET);
        expect_root(reset);
        log_entry_expect(reset, "PRIORITY=5", "VFIOD_VERB=reset", "VFIOD_DEVICE=" NIC, "VFIOD_GROUP=12", "VFIOD_JOB=4",
                        "VFIOD_RESULT=done", "!VFIOD_BEFORE=*", "!VFIOD_AFTER=*",
                        "MESSAGE=0000:05:00.0 was reset (group 12, for uid 0, *)");

        /* One entry for both ports. */
        g_autoptr(GVariant) both = fixture_call(
                        scene.fixture, BUS_PATH, MANAGER, "Detach", "('ens1', {'companions': <['ens2']>})", NULL);
        g_assert_nonnull(both);
        const char *ports = log_socket_expect(scene.log, MESSAGE_DETACHED);
        log_entry_expect(ports, "VFIOD_DEVICE=" PORT1, "VFIOD_DEVICE=" PORT2, "VFIOD_OPTIONS=companions",
                        "MESSAGE=detach: *; *");

        g_autoptr(GVariant) vfs = fixture_call(scene.fixture, BUS_PATH, MANAGER, "SetVirtualFunctions",
                        "('ens4', uint32 2, {'detach': <true>})", NULL);
        g_assert_nonnull(vfs);
        const char *set = log_socket_expect(scene.log, MESSAGE_FUNCTIONS_SET);
        log_entry_expect(set, "VFIOD_VERB=set-virtual-functions", "VFIOD_OPTIONS=count=2 detach", "VFIOD_DEVICE=" PF,
                        "VFIOD_DEVICE=0000:07:10.0", "VFIOD_BEFORE=0000:07:10.1=", "VFIOD_AFTER=0000:07:10.1=vfio-pci");
        scene_end_daemon(&scene);
        g_assert_cmpuint(log_socket_count(scene.log, MESSAGE_DETACHED), ==, 3);
        scene_end(&scene);
}

static void test_rules(void) {
        Scene scene;

        scene_begin(&scene);
        manager_refused(scene.fixture, "RemoveRule", "mine", NO_OPTIONS, "NoSuchRule", "*");
        const char *missing = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(missing, "VFIOD_VERB=remove-rule", "VFIOD_RULE=mine", "VFIOD_RESULT=NoSuchRule");
        g_autoptr(GVariant) reply = fixture_call(scene.fixture, BUS_PATH, MANAGER, "AddRule",
                        "('ens3', {'name': <'mine'>, 'override': <['network', 'storage']>})", NULL);
        g_assert_nonnull(reply);
        const char *added = log_socket_expect(scene.log, MESSAGE_RULE_ADDED);
        expect_root(added);
        log_entry_expect(added, "VFIOD_VERB=add-rule", "VFIOD_RULE=mine", "VFIOD_DEVICE=" NIC, "VFIOD_RESULT=done",
                        "VFIOD_OPTIONS=override=storage,network", "MESSAGE=*mine.conf was written (for uid 0, *");
        /* The rule detaches the device, and nobody called. */
        const char *detached = log_socket_expect(scene.log, MESSAGE_DETACHED);
        log_entry_expect(detached, "VFIOD_RULE=mine", "VFIOD_CALLER=rule mine", "VFIOD_DEVICE=" NIC,
                        "VFIOD_OPTIONS=override=storage,network", "!VFIOD_CALLER_UID=*", "!VFIOD_POLKIT=*");
        manager_refused(scene.fixture, "AddRule", "ens1", "{'name': <'mine'>}", "RuleExists", "*");
        const char *exists = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(exists, "VFIOD_VERB=add-rule", "VFIOD_RULE=mine", "VFIOD_DEVICE=" PORT1,
                        "VFIOD_RESULT=RuleExists");
        manager_refused(scene.fixture, "AddRule", "ens9", NO_OPTIONS, "NoSuchDevice", "*");
        const char *unnamed = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(unnamed, "VFIOD_VERB=add-rule", "VFIOD_SELECTOR=ens9", "!VFIOD_RULE=*");
        manager_expect(scene.fixture, "RemoveRule", "mine", NO_OPTIONS, "()");
        const char *removed = log_socket_expect(scene.log, MESSAGE_RULE_REMOVED);
        log_entry_expect(removed, "VFIOD_VERB=remove-rule", "VFIOD_RULE=mine", "VFIOD_DEVICE=" NIC);
        /* A dry run changes nothing. */
        reply = (g_variant_unref(reply),
                        fixture_call(scene.fixture, BUS_PATH, MANAGER, "AddRule",
                                        "('ens1', {'name': <'other'>, 'dry-run': <true>})", NULL));
        g_assert_nonnull(reply);
        fixture_expect(scene.fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        scene_end_daemon(&scene);
        g_assert_cmpuint(log_socket_count(scene.log, MESSAGE_RULE_ADDED), ==, 1);
        scene_end(&scene);
}

/* A rule that does not detach its device. */
static void test_refused_rule(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(GVariant) reply = fixture_call(
                        scene.fixture, BUS_PATH, MANAGER, "AddRule", "('0000:00:01.0', {'name': <'gpu'>})", NULL);
        g_assert_nonnull(reply);
        const char *refused = log_socket_expect(scene.log, MESSAGE_RULE_REFUSED);
        log_entry_expect(refused, "VFIOD_VERB=detach", "VFIOD_RULE=gpu", "VFIOD_CALLER=rule gpu",
                        "VFIOD_DEVICE=0000:00:01.0", "VFIOD_RESULT=InUseDisplay", "VFIOD_REASON=*");
        scene_end_daemon(&scene);
        /* The job of the rule does not log the same once more. */
        g_assert_cmpuint(log_socket_count(scene.log, MESSAGE_REFUSED), ==, 0);
        scene_end(&scene);
}

static void test_rescan(void) {
        Scene scene;

        scene_begin(&scene);
        fixture_expect(scene.fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        const char *rescan = log_socket_expect(scene.log, MESSAGE_RESCAN_ASKED);
        expect_root(rescan);
        log_entry_expect(rescan, "VFIOD_VERB=rescan", "VFIOD_RESULT=done", "!VFIOD_DEVICE=*");
        scene_end(&scene);
}

/* A cancelled job: who asked for that, and how the job ended. */
static void test_cancel(void) {
        Scene scene;

        scene_begin(&scene);
        Pending *pending = fixture_detach_stalled(scene.fixture, 2);
        manager_refused(scene.fixture, "Detach", "ens3", NO_OPTIONS, "Busy", "*");
        const char *busy = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(busy, "VFIOD_VERB=detach", "VFIOD_RESULT=Busy", "VFIOD_DEVICE=" NIC, "VFIOD_GROUP=12",
                        "VFIOD_SELECTOR=ens3", "!VFIOD_JOB=*");
        fixture_cancel(scene.fixture, JOB1);
        fixture_cancel(scene.fixture, JOB1);
        const char *asked = log_socket_expect(scene.log, MESSAGE_CANCEL_ASKED);
        expect_root(asked);
        log_entry_expect(asked, "VFIOD_VERB=cancel", "VFIOD_JOB=1", "VFIOD_DEVICE=" NIC);
        fake_kernel_do(scene.fixture->kernel, "resume");
        pending_refused(pending, "Cancelled", "*");
        const char *ended = log_socket_expect(scene.log, MESSAGE_JOB_FAILED);
        log_entry_expect(ended, "VFIOD_VERB=detach", "VFIOD_JOB=1", "VFIOD_RESULT=Cancelled", "PRIORITY=4",
                        "VFIOD_BEFORE=" NIC "=e1000e", "VFIOD_AFTER=" NIC "=e1000e", "VFIOD_REASON=?*");
        scene_end_daemon(&scene);
        g_assert_cmpuint(log_socket_count(scene.log, MESSAGE_CANCEL_ASKED), ==, 1); /* of two calls */
        scene_end(&scene);
}

/* A step does not return from the kernel. That has an entry of its own, besides the end of the job. */
static void test_stuck(void) {
        Scene scene;

        scene_begin_with(&scene, &(FixtureOptions){.step_deadline_ms = 5000});
        Pending *pending = fixture_detach_stalled(scene.fixture, 2);
        pending_refused(pending, "Stuck", "*");
        const char *stuck = log_socket_expect(scene.log, MESSAGE_STUCK);
        expect_root(stuck);
        log_entry_expect(stuck, "PRIORITY=3", "VFIOD_VERB=detach", "VFIOD_JOB=1", "VFIOD_RESULT=Stuck",
                        "VFIOD_DEVICE=" NIC, "VFIOD_REASON=The kernel did not return *");
        fake_kernel_do(scene.fixture->kernel, "resume");
        const char *ended = log_socket_expect(scene.log, MESSAGE_DETACHED);
        expect_root(ended);
        log_entry_expect(ended, "VFIOD_JOB=1", "VFIOD_RESULT=done");
        scene_end(&scene);
}

/* A job fails, and then its rollback fails, too. */
static void test_failures(void) {
        Scene scene;

        scene_begin(&scene);
        fake_kernel_do(scene.fixture->kernel, "fail 2 EIO");
        manager_refused(scene.fixture, "Detach", "ens3", NO_OPTIONS, "RolledBack", "*");
        const char *undone = log_socket_expect(scene.log, MESSAGE_JOB_FAILED);
        expect_root(undone);
        log_entry_expect(undone, "PRIORITY=4", "VFIOD_RESULT=RolledBack", "VFIOD_BEFORE=" NIC "=e1000e",
                        "VFIOD_AFTER=" NIC "=e1000e", "VFIOD_REASON=*Everything is as it was before.");
        for (unsigned k = 3; k <= 20; k++)
                fake_kernel_do(scene.fixture->kernel, "fail %u EIO", k);
        manager_refused(scene.fixture, "Detach", "ens3", NO_OPTIONS, "Degraded", "*");
        const char *degraded = log_socket_expect(scene.log, MESSAGE_JOB_FAILED);
        log_entry_expect(degraded, "PRIORITY=3", "VFIOD_RESULT=Degraded", "VFIOD_BEFORE=" NIC "=e1000e",
                        "VFIOD_AFTER=" NIC "=");
        scene_end(&scene);
}

/* The worker of a daemon that was killed ends its job under the next one, which knows who called. */
static void test_next_daemon(void) {
        Scene scene;

        scene_begin(&scene);
        Pending *pending = fixture_detach_stalled(scene.fixture, 2);
        fixture_crash_daemon(scene.fixture);
        pending_refused(pending, "org.freedesktop.DBus.Error.NoReply", "*");
        fake_kernel_do(scene.fixture->kernel, "resume");
        const char *ended = log_socket_expect(scene.log, MESSAGE_DETACHED);
        expect_root(ended);
        log_entry_expect(ended, "VFIOD_VERB=detach", "VFIOD_DEVICE=" NIC, "VFIOD_BEFORE=" NIC "=e1000e",
                        "VFIOD_AFTER=" NIC "=vfio-pci", "!VFIOD_JOB=*");
        scene_end(&scene);
}

/* The daemon and the worker die. The worker of the next daemon undoes the job. */
static void test_next_worker(void) {
        Scene scene;

        scene_begin(&scene);
        Pending *pending = fixture_detach_stalled(scene.fixture, 2);
        g_assert_cmpint(kill(process_get_pid(scene.fixture->daemon), SIGSTOP), ==, 0);
        fixture_kill_worker(scene.fixture);
        fixture_crash_daemon(scene.fixture);
        pending_refused(pending, "org.freedesktop.DBus.Error.NoReply", "*");
        const char *ended = log_socket_expect(scene.log, MESSAGE_DETACHED);
        expect_root(ended);
        log_entry_expect(ended, "MESSAGE=*: an interrupted detach was undone (group 12, for uid 0, process *",
                        "VFIOD_VERB=detach", "VFIOD_DEVICE=" NIC, "VFIOD_AFTER=" NIC "=e1000e");
        scene_end(&scene);
}

/* The worker dies. Another one undoes the job. */
static void test_dead_worker(void) {
        Scene scene;

        scene_begin(&scene);
        Pending *pending = fixture_detach_stalled(scene.fixture, 2);
        fixture_kill_worker(scene.fixture);
        pending_refused(pending, "RolledBack", "*");
        const char *ended = log_socket_expect(scene.log, MESSAGE_JOB_FAILED);
        expect_root(ended);
        log_entry_expect(ended, "VFIOD_VERB=detach", "VFIOD_JOB=1", "VFIOD_RESULT=RolledBack", "VFIOD_DEVICE=" NIC);
        scene_end(&scene);
}

/* Refusals of root's calls, over the bus. */
static void test_refusals(void) {
        Scene scene;

        scene_begin(&scene);
        manager_refused(scene.fixture, "Detach", "0000:00:01.0", "{'override': <['network']>}", "InUseDisplay", "*");
        const char *guard = log_socket_expect(scene.log, MESSAGE_REFUSED);
        expect_root(guard);
        log_entry_expect(guard, "PRIORITY=5", "VFIOD_VERB=detach", "VFIOD_DEVICE=0000:00:01.0", "VFIOD_GROUP=1",
                        "VFIOD_JOB=1", "VFIOD_RESULT=InUseDisplay", "VFIOD_OPTIONS=override=network", "VFIOD_REASON=?*",
                        "!VFIOD_BEFORE=*");
        manager_refused(scene.fixture, "Detach", "ens1", NO_OPTIONS, "GroupNeedsConsent", "*");
        const char *consent = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(consent, "VFIOD_DEVICE=" PORT1, "!VFIOD_DEVICE=" PORT2, "VFIOD_GROUP=10",
                        "VFIOD_RESULT=GroupNeedsConsent", "VFIOD_REASON=*" PORT2 "*", "!VFIOD_JOB=*");
        manager_refused(scene.fixture, "Detach", "ens9", NO_OPTIONS, "NoSuchDevice", "*");
        const char *missing = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(missing, "VFIOD_SELECTOR=ens9", "!VFIOD_DEVICE=*", "VFIOD_RESULT=NoSuchDevice");
        manager_refused(scene.fixture, "Detach", "ens3", "{'plan': <'0123456789abcdef'>}", "PlanStale", "*");
        const char *stale = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(stale, "VFIOD_DEVICE=" NIC, "VFIOD_RESULT=PlanStale");

        fixture_refused(scene.fixture, BUS_PATH, MANAGER, "GetDevice", "('ens9',)", "NoSuchDevice", "*");
        fixture_refused(scene.fixture, BUS_PATH, MANAGER, "Plan", "('ens9', 'detach', " NO_OPTIONS ")", "NoSuchDevice",
                        "*");
        scene_end_daemon(&scene);
        g_assert_cmpuint(log_socket_count(scene.log, MESSAGE_REFUSED), ==, 4); /* and none of calls that read */
        scene_end(&scene);
}

/* Root's own socket needs no bus. */
static void test_root_socket(void) {
        g_autoptr(GError) error = NULL, refusal = NULL;
        Scene scene;

        scene_begin(&scene);
        g_autofree char *address = g_strdup_printf("unix:path=%s.root", scene.fixture->state_folder);
        g_autoptr(GDBusConnection) direct = g_dbus_connection_new_for_address_sync(
                        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(direct, NULL, BUS_PATH, MANAGER, "Detach",
                        g_variant_new_parsed("('ens1', " NO_OPTIONS ")"), NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS,
                        NULL, &refusal);
        g_assert_null(reply);
        const char *entry = log_socket_expect(scene.log, MESSAGE_REFUSED);
        expect_root(entry);
        log_entry_expect(entry, "VFIOD_VERB=detach", "VFIOD_DEVICE=" PORT1, "VFIOD_RESULT=GroupNeedsConsent");
        scene_end(&scene);
}

static void test_polkit(void) {
        static const struct {
                PolkitVerdict verdict;
                const char *polkit, *result;
        } cases[] = {
                        {VERDICT_DENY, "VFIOD_POLKIT=denied", "VFIOD_RESULT=AccessDenied"},
                        {VERDICT_DISMISS, "VFIOD_POLKIT=dismissed", "VFIOD_RESULT=AccessDenied"},
                        {VERDICT_CHALLENGE, "VFIOD_POLKIT=authentication needed",
                                        "VFIOD_RESULT=InteractiveAuthorizationRequired"},
                        {VERDICT_ERROR, "VFIOD_POLKIT=failed", "VFIOD_RESULT=AccessDenied"},
        };
        Scene scene;

        scene_begin(&scene);
        g_autofree char *pid = g_strdup_printf("VFIOD_CALLER_PID=%d", (int)getpid());
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                scene.verdict = cases[i].verdict;
                pending_refused(call_of_alice(&scene, "Detach", "('ens3', " NO_OPTIONS ")"),
                                i == 2 ? "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" : ACCESS_DENIED,
                                "*");
                const char *entry = log_socket_expect(scene.log, MESSAGE_REFUSED);
                log_entry_expect(entry, "PRIORITY=4", "VFIOD_CALLER_UID=4000001", pid, cases[i].polkit, cases[i].result,
                                "VFIOD_VERB=detach", "VFIOD_DEVICE=" NIC, "VFIOD_REASON=?*");
        }
        /* What cannot be done anyway is not for polkit to decide. */
        pending_refused(call_of_alice(&scene, "Detach", "('ens9', " NO_OPTIONS ")"), "NoSuchDevice", "*");
        const char *impossible = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(impossible, "VFIOD_POLKIT=not asked", "VFIOD_RESULT=NoSuchDevice");

        scene.verdict = VERDICT_AUTHORIZE;
        pending_expect(call_of_alice(&scene, "Detach", "('ens3', " NO_OPTIONS ")"),
                        "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        const char *detached = log_socket_expect(scene.log, MESSAGE_DETACHED);
        log_entry_expect(detached, "VFIOD_CALLER_UID=4000001", pid, "VFIOD_POLKIT=authorized", "VFIOD_RESULT=done");

        scene.polkit = polkit_stub_stop(scene.polkit);
        pending_refused(call_of_alice(&scene, "RemoveRule", "('mine', " NO_OPTIONS ")"), "NoSuchRule", "*");
        const char *removal = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(removal, "VFIOD_VERB=remove-rule", "VFIOD_RULE=mine", "!VFIOD_SELECTOR=*");
        pending_refused(call_of_alice(&scene, "Rescan", "(" NO_OPTIONS ",)"), ACCESS_DENIED, "*");
        const char *absent = log_socket_expect(scene.log, MESSAGE_REFUSED);
        log_entry_expect(absent, "VFIOD_VERB=rescan", "VFIOD_POLKIT=absent", "!VFIOD_DEVICE=*");
        scene_end(&scene);
}

/* A user who is refused again and again does not fill the journal. Root's entries are all there. */
static void test_flood(void) {
        Scene scene;

        scene_begin(&scene);
        scene.verdict = VERDICT_DENY;
        /* Each entry is awaited, because the socket has room for few. */
        for (unsigned i = 0; i < 100; i++) {
                pending_refused(call_of_alice(&scene, "Detach", "('ens3', " NO_OPTIONS ")"), ACCESS_DENIED, "*");
                if (i >= ENTRIES_PER_USER)
                        continue;
                const char *entry = log_socket_expect(scene.log, MESSAGE_REFUSED);
                log_entry_expect(entry, "VFIOD_CALLER_UID=4000001");
        }
        for (unsigned i = 0; i < 100; i++) {
                manager_refused(scene.fixture, "Detach", "ens9", NO_OPTIONS, "NoSuchDevice", "*");
                const char *entry = log_socket_expect(scene.log, MESSAGE_REFUSED);
                log_entry_expect(entry, "VFIOD_CALLER_UID=0");
        }
        /* Who is permitted the detach, but has no entries left, is refused by a guard. */
        scene.verdict = VERDICT_AUTHORIZE;
        pending_refused(call_of_alice(&scene, "Detach", "('0000:00:01.0', " NO_OPTIONS ")"), "InUseDisplay", "*");
        scene_end_daemon(&scene);
        const char *omitted = log_socket_expect(scene.log, MESSAGE_ENTRIES_OMITTED);
        log_entry_expect(omitted, "VFIOD_CALLER_UID=4000001", "VFIOD_OMITTED=85");
        g_assert_cmpuint(log_socket_count(scene.log, MESSAGE_REFUSED), ==, ENTRIES_PER_USER + 100);
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/log/changes", test_changes);
        g_test_add_func("/bus/log/rules", test_rules);
        g_test_add_func("/bus/log/refused-rule", test_refused_rule);
        g_test_add_func("/bus/log/rescan", test_rescan);
        g_test_add_func("/bus/log/cancel", test_cancel);
        g_test_add_func("/bus/log/stuck", test_stuck);
        g_test_add_func("/bus/log/failures", test_failures);
        g_test_add_func("/bus/log/next-daemon", test_next_daemon);
        g_test_add_func("/bus/log/next-worker", test_next_worker);
        g_test_add_func("/bus/log/dead-worker", test_dead_worker);
        g_test_add_func("/bus/log/refusals", test_refusals);
        g_test_add_func("/bus/log/root-socket", test_root_socket);
        g_test_add_func("/bus/log/polkit", test_polkit);
        g_test_add_func("/bus/log/flood", test_flood);
        return g_test_run();
}
