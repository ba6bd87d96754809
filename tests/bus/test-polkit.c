/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "polkit-stub.h"
#include "rule-files.h"

#include <signal.h>
#include <string.h>

/* Calls of users other than root, with a stand-in for polkit: what vfiod asks, and what it does with the answer. */

#define DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"
#define HELD_PER_USER 4

typedef struct Scene {
        Fixture *fixture;
        PolkitStub *polkit;
        GDBusConnection *alice, *bob;
        PolkitVerdict verdict;
        const char *other_action; /* gets the other verdict; NULL for none */
        PolkitVerdict other_verdict;
} Scene;

static PolkitVerdict decide(const PolkitQuery *query, void *userdata) {
        const Scene *scene = userdata;

        return scene->other_action && g_str_equal(query->action, scene->other_action) ? scene->other_verdict
                                                                                      : scene->verdict;
}

static void scene_begin(Scene *scene, const FixtureOptions *options) {
        *scene = (Scene){.fixture = fixture_start(options)};
        scene->polkit = polkit_stub_start(decide, scene);
        scene->alice = private_bus_connect_as(ALICE_UID);
        scene->bob = private_bus_connect_as(BOB_UID);
        fake_kernel_do(scene->fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(scene->fixture->kernel, "reset-writes");
}

static void scene_end(Scene *scene) {
        g_clear_object(&scene->alice);
        g_clear_object(&scene->bob);
        scene->polkit = polkit_stub_stop(scene->polkit);
        scene->fixture = fixture_stop(scene->fixture);
}

static void expect_no_writes(Scene *scene) {
        g_auto(GStrv) writes = fake_kernel_writes(scene->fixture->kernel);

        g_assert_cmpuint(g_strv_length(writes), ==, 0);
}

/* A call that allows polkit to ask a person. */
static Pending *call_from(GDBusConnection *connection, const char *method, const char *arguments) {
        return connection_call_start(connection, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, BUS_PATH, MANAGER,
                        method, arguments);
}

static Pending *detach_from(GDBusConnection *connection) {
        return call_from(connection, "Detach", "('ens3', " NO_OPTIONS ")");
}

static void reattach_by_root(Scene *scene) {
        manager_expect(scene->fixture, "Reattach", NIC, NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
}

/* What polkit learns: the caller by the name on the bus, and all devices. */
static void test_question(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        pending_expect(detach_from(scene.alice), DETACHED);
        g_assert_cmpuint(scene.polkit->queries->len, ==, 1);
        const PolkitQuery *query = polkit_stub_get_query(scene.polkit, 0);
        g_assert_cmpstr(query->action, ==, "org.vfiod1.detach");
        g_assert_cmpstr(query->caller, ==, g_dbus_connection_get_unique_name(scene.alice));
        g_assert_cmpuint(query->flags, ==, 1);
        polkit_query_expect(query, "method", "Detach");
        polkit_query_expect(query, "addresses", NIC);
        polkit_query_expect(query, "ids", "8086:10d3");
        polkit_query_expect(query, "classes", "020000");
        polkit_query_expect(query, "drivers", "e1000e");
        polkit_query_expect(query, "groups", "12");
        polkit_query_expect(query, "overrides", "");
        polkit_query_expect(query, "rule", NULL);
        polkit_query_expect(query, "count", NULL);
        const char *devices = NULL;
        g_assert_true(g_variant_lookup(query->details, "devices", "&s", &devices));
        g_assert_true(g_str_has_prefix(devices, NIC " ("));
        g_assert_true(g_str_has_suffix(devices, "ens3)"));
        reattach_by_root(&scene);

        /* Without the flag of the message, polkit may not ask a person. */
        polkit_stub_clear(scene.polkit);
        pending_expect(connection_call_start(scene.alice, G_DBUS_CALL_FLAGS_NONE, NIC_PATH, DEVICE, "Detach",
                                       "(" NO_OPTIONS ",)"),
                        DETACHED);
        g_assert_cmpuint(polkit_stub_get_query(scene.polkit, 0)->flags, ==, 0);
        reattach_by_root(&scene);

        /* The whole group, with the second port. */
        polkit_stub_clear(scene.polkit);
        g_autoptr(GVariant) reply =
                        pending_finish(call_from(scene.alice, "Detach", "('ens1', {'companions': <['ens2']>})"), NULL);
        g_assert_nonnull(reply);
        query = polkit_stub_get_query(scene.polkit, 0);
        polkit_query_expect(query, "addresses", PORT2 " " PORT1);
        polkit_query_expect(query, "ids", "8086:100e 8086:100e");
        polkit_query_expect(query, "drivers", "e1000 e1000");
        polkit_query_expect(query, "groups", "10 10");
        scene_end(&scene);
}

/* A denial of any kind, and what the caller reads. */
static void test_denials(void) {
        static const struct {
                PolkitVerdict verdict;
                const char *error, *pattern;
        } cases[] = {
                        {VERDICT_DENY, ACCESS_DENIED,
                                        "User 4000001 is not authorized to detach devices (org.vfiod1.detach). Try it "
                                        "with sudo. *AUTHORIZATION*"},
                        {VERDICT_DISMISS, ACCESS_DENIED, "The authentication of user 4000001 *was cancelled."},
                        {VERDICT_CHALLENGE, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                                        "User 4000001 must authenticate to detach devices (org.vfiod1.detach).*"},
                        {VERDICT_ERROR, ACCESS_DENIED, "*because polkit cannot tell*(org.vfiod1.detach): It broke."},
                        {VERDICT_NONSENSE, ACCESS_DENIED, "*because polkit cannot tell*: its answer is not valid"},
        };
        Scene scene;

        scene_begin(&scene, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                scene.verdict = cases[i].verdict;
                pending_refused(detach_from(scene.alice), cases[i].error, cases[i].pattern);
                g_assert_cmpuint(scene.polkit->queries->len, ==, i + 1);
        }
        scene.polkit = polkit_stub_stop(scene.polkit);
        pending_refused(detach_from(scene.alice), ACCESS_DENIED,
                        "Only root may call Detach of org.vfiod1: polkit, which could permit it to others, does not "
                        "run. Try it with sudo.");
        expect_no_writes(&scene);
        scene_end(&scene);
}

/* What cannot be done anyway needs no password. */
static void test_impossible(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        pending_refused(call_from(scene.alice, "Detach", "('ens9', " NO_OPTIONS ")"), "NoSuchDevice", "*");
        pending_refused(call_from(scene.alice, "Detach", "('ens1', " NO_OPTIONS ")"), "GroupNeedsConsent", "*");
        pending_refused(call_from(scene.alice, "Reattach", "('ens1', " NO_OPTIONS ")"), "NotDetached", "*");
        pending_refused(call_from(scene.alice, "RemoveRule", "('none', " NO_OPTIONS ")"), "NoSuchRule", "*");
        pending_refused(call_from(scene.alice, "Detach", "('ens3', {'force': <true>})"), INVALID_ARGS, "*");
        g_assert_cmpuint(scene.polkit->queries->len, ==, 0);
        scene_end(&scene);
}

/* An option needs an action of its own. All are asked for, and one denial is enough. */
static void test_options(void) {
        static const char override[] = "('ens3', {'override': <['storage', 'network']>})";
        Scene scene;

        scene_begin(&scene, NULL);
        scene.other_action = "org.vfiod1.override-guard";
        scene.other_verdict = VERDICT_DENY;
        pending_refused(call_from(scene.alice, "Detach", override), ACCESS_DENIED,
                        "*is not authorized to override guards (org.vfiod1.override-guard)*");
        g_assert_cmpuint(scene.polkit->queries->len, ==, 2);
        g_assert_cmpstr(polkit_stub_get_query(scene.polkit, 0)->action, ==, "org.vfiod1.detach");
        polkit_query_expect(polkit_stub_get_query(scene.polkit, 1), "overrides", "storage network");
        expect_no_writes(&scene);

        scene.other_verdict = VERDICT_AUTHORIZE;
        pending_expect(call_from(scene.alice, "Detach", override), DETACHED);
        g_assert_cmpuint(scene.polkit->queries->len, ==, 4);

        /* An option that asks for nothing needs nothing. */
        polkit_stub_clear(scene.polkit);
        pending_expect(call_from(scene.alice, "Reattach", "('ens3', {'force': <false>, 'adopt': <false>})"),
                        "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        g_assert_cmpuint(scene.polkit->queries->len, ==, 1);
        pending_expect(call_from(scene.alice, "Detach", "('ens3', {'override': <@as []>})"), DETACHED);
        g_assert_cmpuint(scene.polkit->queries->len, ==, 2);
        scene_end(&scene);
}

/* Detach waits for polkit. */
static Pending *hold_detach(Scene *scene) {
        scene->verdict = VERDICT_HOLD;
        Pending *pending = detach_from(scene->alice);
        polkit_stub_await_queries(scene->polkit, 1);
        return pending;
}

static void expect_stale(Scene *scene, Pending *pending) {
        polkit_stub_release(scene->polkit, VERDICT_AUTHORIZE);
        pending_refused(pending, "PlanStale", "*changed while polkit decided about Detach. Nothing was changed*");
}

/* While a person is asked, another program takes the driver away. */
static void test_changed(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        Pending *pending = hold_detach(&scene);
        fixture_write(scene.fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "Driver", "''");
        expect_stale(&scene, pending);
        fixture_driver(scene.fixture, NIC, NULL);
        scene_end(&scene);
}

/* While a person is asked, the card is pulled, and a card of the same model takes its slot. */
static void test_swapped(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        Pending *pending = hold_detach(&scene);
        fake_kernel_do(scene.fixture->kernel, "unplug " NIC);
        g_free(fixture_expect_signal(scene.fixture, "* InterfacesRemoved ('" NIC_PATH "'*"));
        fake_kernel_do(scene.fixture->kernel,
                        "plug " NIC " vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=12 "
                        "parent=0000:00:04.0 numa=0 link=2.5x1 reset=flr,pm net=ens3 mac=52:54:00:00:00:99");
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "Driver", "'e1000e'");
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        expect_stale(&scene, pending);
        fixture_driver(scene.fixture, NIC, "e1000e");
        scene_end(&scene);
}

/* The caller gives up: polkit removes its dialog, and a late answer changes nothing. */
static void test_caller_leaves(void) {
        g_autoptr(GError) error = NULL;
        Scene scene;

        scene_begin(&scene, NULL);
        Pending *pending = hold_detach(&scene);
        g_autofree char *id = g_strdup(polkit_stub_get_query(scene.polkit, 0)->cancellation_id);
        g_assert_cmpstr(id, !=, "");
        g_assert_true(g_dbus_connection_close_sync(scene.alice, NULL, &error));
        g_assert_no_error(error);
        polkit_stub_await_cancelled(scene.polkit, 1);
        g_assert_cmpstr(scene.polkit->cancelled->pdata[0], ==, id);
        polkit_stub_release(scene.polkit, VERDICT_AUTHORIZE);
        g_assert_null(pending_finish(pending, NULL));

        /* The next call is handled after the late answer. */
        scene.verdict = VERDICT_DENY;
        pending_refused(detach_from(scene.bob), ACCESS_DENIED, "*");
        expect_no_writes(&scene);
        fixture_driver(scene.fixture, NIC, "e1000e");
        scene_end(&scene);
}

/* polkit does not answer: the call is denied, and polkit removes its dialog. */
static void test_deadline(void) {
        Scene scene;

        scene_begin(&scene, &(FixtureOptions){.polkit_deadline_ms = 3000});
        pending_refused(hold_detach(&scene), ACCESS_DENIED, "*because polkit did not answer in time*");
        polkit_stub_await_cancelled(scene.polkit, 1);
        polkit_stub_release(scene.polkit, VERDICT_AUTHORIZE);
        scene.verdict = VERDICT_DENY;
        pending_refused(detach_from(scene.bob), ACCESS_DENIED, "*is not authorized*");
        expect_no_writes(&scene);
        scene_end(&scene);
}

/* The daemon ends while a person is asked. */
static void test_daemon_ends(void) {
        g_autoptr(GError) error = NULL;
        Scene scene;

        scene_begin(&scene, NULL);
        Pending *pending = hold_detach(&scene);
        fixture_stop_daemon(scene.fixture);
        g_assert_null(pending_finish(pending, &error));
        g_assert_nonnull(error);
        polkit_stub_await_cancelled(scene.polkit, 1);
        fixture_start_daemon(scene.fixture);
        expect_no_writes(&scene);
        scene_end(&scene);
}

/* A user who is asked for a password blocks nobody, and cannot make vfiod or polkit keep more than a few questions. */
static void test_others_go_on(void) {
        Pending *pending[HELD_PER_USER];
        Scene scene;

        scene_begin(&scene, NULL);
        scene.verdict = VERDICT_HOLD;
        for (unsigned i = 0; i < HELD_PER_USER; i++)
                pending[i] = call_from(scene.alice, "Rescan", "(" NO_OPTIONS ",)");
        polkit_stub_await_queries(scene.polkit, HELD_PER_USER);
        pending_refused(call_from(scene.alice, "Rescan", "(" NO_OPTIONS ",)"), "LimitsExceeded",
                        "User 4000001 already has 4 running authorizations by polkit*");
        /* alice may read, bob has his own questions, and root needs none */
        g_autoptr(GVariant) read =
                        pending_finish(call_from(scene.alice, "Plan", "('ens3', 'detach', " NO_OPTIONS ")"), NULL);
        g_assert_nonnull(read);
        scene.verdict = VERDICT_AUTHORIZE;
        pending_expect(detach_from(scene.bob), DETACHED);
        reattach_by_root(&scene);
        for (unsigned i = 0; i < HELD_PER_USER; i++)
                g_assert_false(pending_is_done(pending[i]));
        polkit_stub_release(scene.polkit, VERDICT_AUTHORIZE);
        for (unsigned i = 0; i < HELD_PER_USER; i++)
                pending_expect(pending[i], "()");
        scene_end(&scene);
}

/* The user who started a job may cancel it; another user may not, and polkit is not asked. */
static void test_cancel(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        fake_kernel_do(scene.fixture->kernel, "stall 1");
        Pending *job = detach_from(scene.alice);
        fixture_wait_property(scene.fixture, GROUP12, GROUP, "State", "'changing'");
        fake_kernel_do(scene.fixture->kernel, "wait-pending 1");
        polkit_stub_clear(scene.polkit);
        pending_refused(connection_call_start(
                                        scene.bob, G_DBUS_CALL_FLAGS_NONE, JOB1, JOB, "Cancel", "(" NO_OPTIONS ",)"),
                        ACCESS_DENIED, "Only root may call Cancel of org.vfiod1: another user started it*");
        g_autoptr(GVariant) cancelled = pending_finish(connection_call_start(scene.alice, G_DBUS_CALL_FLAGS_NONE, JOB1,
                                                                       JOB, "Cancel", "(" NO_OPTIONS ",)"),
                        NULL);
        g_assert_nonnull(cancelled);
        g_assert_cmpuint(scene.polkit->queries->len, ==, 0);
        fake_kernel_do(scene.fixture->kernel, "resume");
        pending_refused(job, "Cancelled", "*");
        scene_end(&scene);
}

/* Which processes other users have is for those who may inspect. A refusal does not tell it, either. */
static void test_inspect(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        manager_expect(scene.fixture, "Detach", "ens3", NO_OPTIONS, DETACHED);
        g_autofree char *command = g_strdup_printf("exec 9<>%s/dev/vfio/12 && echo open && exec sleep 1000",
                        fake_kernel_get_root(scene.fixture->kernel));
        const char *const argv[] = {"sh", "-c", command, NULL};
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "open");
        fake_kernel_do(scene.fixture->kernel, "claim 12");
        g_autofree char *named = g_strdup_printf("*process %d (s*", (int)process_get_pid(holder));
        g_autofree char *row = g_strdup_printf("([(%d, 's*', *", (int)process_get_pid(holder));

        pending_refused(call_from(scene.alice, "Reattach", "('ens3', " NO_OPTIONS ")"), "Held",
                        "*a process of another user*");
        g_assert_cmpuint(scene.polkit->queries->len, ==, 1);
        g_autofree char *details = refusal_of(scene.alice, "Reattach", "('ens3', {'error-details': <true>})");
        if (!g_pattern_match_simple(
                            "*'Findings': <[('held', '0000:05:00.0', '/dev/vfio/12 is held by a process of another "
                            "user', false, {*})]>, 'Cure': <'End the process, *'Options': <['force']>})",
                            details) ||
                        strstr(details, "Pid"))
                g_error("%s", details);
        g_assert_cmpuint(scene.polkit->queries->len, ==, 2);
        for (unsigned inspects = 0; inspects < 2; inspects++) {
                const char *options = inspects ? "{'inspect': <true>}" : NO_OPTIONS;
                g_autofree char *plan = g_strdup_printf("('ens3', 'reattach', %s)", options),
                                *selector = g_strdup_printf("('ens3', %s)", options);
                g_autoptr(GVariant) planned = pending_finish(call_from(scene.alice, "Plan", plan), NULL);
                g_autoptr(GVariant) holders = pending_finish(call_from(scene.alice, "ListHolders", selector), NULL);
                g_autofree char *findings = g_variant_print(planned, false), *rows = g_variant_print(holders, false);

                g_assert_true(g_pattern_match_simple(inspects ? named : "*a process of another user*", findings));
                g_assert_true(g_pattern_match_simple(inspects ? row : "([(0, 'a process of another user', *", rows));
        }
        g_assert_cmpuint(scene.polkit->queries->len, ==, 4);
        for (unsigned inspects = 0; inspects < 2; inspects++) {
                const char *arguments = inspects ? "('', {'inspect': <true>})" : "('', " NO_OPTIONS ")";
                g_autoptr(GVariant) holders = pending_finish(call_from(scene.alice, "ListHolders", arguments), NULL);
                g_autofree char *rows = g_variant_print(holders, false);

                g_assert_true(g_pattern_match_simple(inspects ? row : "([(0, 'a process of another user', *", rows));
        }
        g_assert_cmpuint(scene.polkit->queries->len, ==, 5);
        scene.verdict = VERDICT_DENY;
        /* This error is about the caller. */
        g_autofree char *denied = refusal_of(scene.alice, "Reattach", "('ens3', {'error-details': <true>})");
        g_assert_true(g_pattern_match_simple("(*, {'Device': <'0000:05:00.0'>, 'Group': <12>})", denied));
        g_autofree char *early = refusal_of(scene.alice, "Detach", "('ens1', {'error-details': <true>})");
        g_assert_true(g_pattern_match_simple("*'Companions': <['" PORT2 "']>})", early));
        g_assert_cmpuint(scene.polkit->queries->len, ==, 6);
        pending_refused(call_from(scene.alice, "ListHolders", "('', {'inspect': <true>})"), ACCESS_DENIED,
                        "*org.vfiod1.inspect*");
        (void)kill(process_get_pid(holder), SIGKILL);
        (void)process_finish(holder);
        scene_end(&scene);
}

/* A name that could deceive the person, or break the lists, is escaped. */
static void test_names(void) {
        Scene scene;

        scene_begin(&scene, &(FixtureOptions){.topology = "names"});
        scene.verdict = VERDICT_DENY;
        g_autoptr(GVariant) reply = pending_finish(
                        call_from(scene.alice, "Detach", "('0000:06:00.0', {'companions': <['*']>})"), NULL);
        g_assert_null(reply);
        g_assert_cmpuint(scene.polkit->queries->len, ==, 1);
        g_autofree char *text = g_variant_print(polkit_stub_get_query(scene.polkit, 0)->details, false);
        for (const char *c = text; *c; c++)
                if (g_ascii_iscntrl(*c))
                        g_error("a control character is in %s", text);
        g_assert_nonnull(strstr(text, "\\\\x"));
        scene_end(&scene);
}

/* Rules and virtual functions. */
static void test_others(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        pending_expect(call_from(scene.alice, "SetVirtualFunctions", "('ens4', uint32 0, " NO_OPTIONS ")"), "([],)");
        const PolkitQuery *query = polkit_stub_get_query(scene.polkit, 0);
        g_assert_cmpstr(query->action, ==, "org.vfiod1.manage-virtual-functions");
        polkit_query_expect(query, "addresses", "0000:07:00.0");
        polkit_query_expect(query, "count", "0");

        polkit_stub_clear(scene.polkit);
        g_autoptr(GVariant) added = pending_finish(
                        call_from(scene.alice, "AddRule", "('ens1', {'name': <'two'>, 'companions': <['*']>})"), NULL);
        g_assert_nonnull(added);
        query = polkit_stub_get_query(scene.polkit, 0);
        g_assert_cmpstr(query->action, ==, "org.vfiod1.manage-rules");
        polkit_query_expect(query, "rule", "two");
        polkit_query_expect(query, "addresses", PORT1 " " PORT2);
        fixture_wait_property(scene.fixture, GROUP10, GROUP, "State", "'detached'");

        /* While a person is asked about this rule, somebody writes another one in its place. */
        polkit_stub_clear(scene.polkit);
        scene.verdict = VERDICT_HOLD;
        Pending *removal = call_from(scene.alice, "RemoveRule", "('two', " NO_OPTIONS ")");
        polkit_stub_await_queries(scene.polkit, 1);
        polkit_query_expect(polkit_stub_get_query(scene.polkit, 0), "rule", "two");
        rule_file_put(scene.fixture, RULES_OWN, "two", "[Match]\nVendor=8086\nDevice=100e\n[Detach]\nCompanions=all\n");
        g_autoptr(GVariant) rescanned = pending_finish(
                        fixture_call_start(scene.fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)"), NULL);
        g_assert_nonnull(rescanned);
        polkit_stub_release(scene.polkit, VERDICT_AUTHORIZE);
        pending_refused(removal, "PlanStale", "*changed while polkit decided about RemoveRule*");
        scene_end(&scene);
}

/* A rule with Override= also becomes active when it is enabled, or when what hides it is removed. */
static void test_revealed(void) {
        static const char rule[] = "[Match]\nVendor=ffff\nDevice=0001\n[Detach]\n%sOverride=network\n";
        static const char *const changes[][2] = {
                        {"ChangeRules", "([('off', 'enable', @a{sv} {})], " NO_OPTIONS ")"},
                        {"ChangeRules", "([('masked', 'enable', @a{sv} {})], " NO_OPTIONS ")"},
                        {"ChangeRules", "([('masked', 'delete', @a{sv} {})], " NO_OPTIONS ")"},
                        {"RemoveRule", "('masked', " NO_OPTIONS ")"},
        };
        g_autofree char *off = g_strdup_printf(rule, "Enabled=no\n"), *shipped = g_strdup_printf(rule, "");
        Scene scene;

        scene_begin(&scene, NULL);
        rule_file_put(scene.fixture, RULES_OWN, "off", off);
        rule_file_put(scene.fixture, RULES_SHIPPED, "masked", shipped);
        rule_file_link(scene.fixture, RULES_OWN, "masked", "/dev/null");
        g_autoptr(GVariant) rescanned = pending_finish(
                        fixture_call_start(scene.fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)"), NULL);
        g_assert_nonnull(rescanned);
        scene.other_action = "org.vfiod1.override-guard";
        scene.other_verdict = VERDICT_DENY;
        for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++)
                pending_refused(call_from(scene.alice, changes[i][0], changes[i][1]), ACCESS_DENIED,
                                "*is not authorized to override guards (org.vfiod1.override-guard)*");
        /* Nothing is hidden below this one. */
        pending_expect(call_from(scene.alice, "RemoveRule", "('off', " NO_OPTIONS ")"), "()");
        scene.other_verdict = VERDICT_AUTHORIZE;
        pending_expect(call_from(scene.alice, changes[1][0], changes[1][1]), "()");
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/polkit/question", test_question);
        g_test_add_func("/bus/polkit/denials", test_denials);
        g_test_add_func("/bus/polkit/impossible", test_impossible);
        g_test_add_func("/bus/polkit/options", test_options);
        g_test_add_func("/bus/polkit/changed", test_changed);
        g_test_add_func("/bus/polkit/swapped", test_swapped);
        g_test_add_func("/bus/polkit/caller-leaves", test_caller_leaves);
        g_test_add_func("/bus/polkit/deadline", test_deadline);
        g_test_add_func("/bus/polkit/daemon-ends", test_daemon_ends);
        g_test_add_func("/bus/polkit/others-go-on", test_others_go_on);
        g_test_add_func("/bus/polkit/cancel", test_cancel);
        g_test_add_func("/bus/polkit/inspect", test_inspect);
        g_test_add_func("/bus/polkit/names", test_names);
        g_test_add_func("/bus/polkit/others", test_others);
        g_test_add_func("/bus/polkit/revealed", test_revealed);
        return g_test_run();
}
