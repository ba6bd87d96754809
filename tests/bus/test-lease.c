/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"
#include "planned.h"
#include "polkit-stub.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Leases: a user gets a card, and the card goes home when the guard is closed, whatever happens. */

#define NODE "dev/vfio/12"
#define ALICE_ENTRY "user::rw-,user:4000001:rw-,group::---,mask::rw-,other::---"
#define NO_ENTRY "user::rw-,group::---,other::---"
#define NIC_DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"
#define OVER BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"

/* polkit permits alice to lease, and nothing else. */
static PolkitVerdict decide(const PolkitQuery *query, void *userdata) {
        (void)userdata;
        return g_str_equal(query->action, BUS_NAME ".lease") ? VERDICT_AUTHORIZE : VERDICT_DENY;
}

typedef struct Scene {
        Fixture *fixture;
        PolkitStub *polkit;
        GDBusConnection *alice, *root;
        char *before; /* snapshot */
} Scene;

/* fixture->connection is alice's, for the calls. The signals come over root's. */
static void scene_begin_with(Scene *scene, const FixtureOptions *options) {
        *scene = (Scene){.fixture = fixture_start(options)};
        scene->before = fake_kernel_snapshot(scene->fixture->kernel);
        scene->polkit = polkit_stub_start(decide, NULL);
        scene->alice = private_bus_connect_as(ALICE_UID);
        scene->root = scene->fixture->connection;
}

static void scene_begin(Scene *scene, const char *topology) {
        scene_begin_with(scene, &(FixtureOptions){.topology = topology});
}

static void as_alice(Scene *scene) {
        scene->fixture->connection = scene->alice;
}

static void as_root(Scene *scene) {
        scene->fixture->connection = scene->root;
}

static void scene_end(Scene *scene) {
        as_root(scene);
        g_object_unref(scene->alice);
        (void)polkit_stub_stop(scene->polkit);
        fixture_stop(scene->fixture);
        g_free(scene->before);
}

/* The lease is over, and the card is as it was. */
static void expect_over(Scene *scene) {
        as_root(scene);
        g_free(fixture_expect_signal(scene->fixture, OVER));
        fixture_driver(scene->fixture, NIC, "e1000e");
        fixture_property(scene->fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_expect(scene->fixture, BUS_PATH, MANAGER, "ListLeases", NULL, "([],)");
        g_autofree char *after = fake_kernel_snapshot(scene->fixture->kernel);
        g_assert_cmpstr(after, ==, scene->before);
        g_autofree char *folder = g_build_filename(scene->fixture->state_folder, "leases", NULL);
        g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
        g_assert_nonnull(files);
        for (const char *name; (name = g_dir_read_name(files));)
                g_assert_cmpstr(name, ==, ".vfiod.lock");
}

static char *start_as_alice(Scene *scene, const char *options) {
        as_alice(scene);
        char *ticket = lessee_start(scene->fixture, NIC, options, LEASE1);
        as_root(scene);
        return ticket;
}

static void test_guard(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        lessee_expect_acl(scene.fixture, NODE, ALICE_ENTRY);
        fixture_property(scene.fixture, LEASE1, LEASE, "State", "'unclaimed'");
        int guard = lessee_claim(scene.fixture, ticket);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        fixture_property(scene.fixture, LEASE1, LEASE, "Uid", "4000001");
        fixture_property(scene.fixture, LEASE1, LEASE, "Nodes", "['/dev/vfio/12']");
        fixture_property(scene.fixture, LEASE1, LEASE, "DeviceAddresses", "['0000:05:00.0']");
        fixture_property(scene.fixture, NIC_PATH, DEVICE, "State", "'leased'");
        fixture_property(scene.fixture, GROUP12, GROUP, "State", "'leased'");
        (void)close(guard);
        expect_over(&scene);
        scene_end(&scene);
}

/* A ticket works once, and nothing else works. */
static void test_ticket(void) {
        static const char *const wrong[] = {
                        "x", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0"};
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                int fd = lessee_connect(scene.fixture);
                g_autofree char *answer = lessee_send(fd, wrong[i]);

                g_assert_cmpstr(answer, ==, "error: no such ticket");
                (void)close(fd);
        }
        int guard = lessee_claim(scene.fixture, ticket);
        int again = lessee_connect(scene.fixture);
        g_autofree char *answer = lessee_send(again, ticket);
        g_assert_cmpstr(answer, ==, "error: no such ticket");
        (void)close(again);
        fixture_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(guard);
        expect_over(&scene);
        scene_end(&scene);
}

static void test_unclaimed(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        expect_over(&scene);
        int fd = lessee_connect(scene.fixture);
        g_autofree char *answer = lessee_send(fd, ticket);
        g_assert_cmpstr(answer, ==, "error: no such ticket");
        (void)close(fd);
        scene_end(&scene);
}

/* Many strangers do not keep the user from its lease. */
static void test_strangers(void) {
        int strangers[200];
        Scene scene;

        scene_begin(&scene, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(strangers); i++)
                strangers[i] = lessee_connect(scene.fixture);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        for (size_t i = 0; i < G_N_ELEMENTS(strangers); i++)
                (void)close(strangers[i]);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(guard);
        expect_over(&scene);
        scene_end(&scene);
}

static void test_refused(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        static const char pattern[] = "0000:05:00.0 is leased to user 4000001 (lease 1, active)*";
        manager_refused(scene.fixture, "Detach", NIC, NO_OPTIONS, "Leased", pattern);
        manager_refused(scene.fixture, "Reattach", NIC, NO_OPTIONS, "Leased", pattern);
        manager_refused(scene.fixture, "Reattach", NIC, "{'force': <true>}", "Leased", pattern);
        manager_refused(scene.fixture, "Reattach", "group:12", NO_OPTIONS, "Leased", pattern);
        lessee_refused(scene.fixture, NIC, NO_OPTIONS, "Leased", pattern);
        g_auto(Planned) planned = plan_make(scene.fixture, "('" NIC "', 'reattach', " NO_OPTIONS ")");
        g_assert_false(planned.would_go);
        g_assert_true(g_str_has_prefix(
                        planned.findings, "[('leased', '" NIC "', \"0000:05:00.0 is leased to user 4000001 "));
        planned_expect_details(&planned, 0,
                        "{'Error': <'org.vfiod1.Error.Leased'>, 'Group': <12>, 'Lease': <uint32 1>, 'User': <uint32 "
                        "4000001>, "
                        "'Cure': <'vfioctl release 1'>}");
        lessee_expect_acl(scene.fixture, NODE, ALICE_ENTRY);
        (void)close(guard);
        expect_over(&scene);
        scene_end(&scene);
}

/* Somebody had detached the card, so it stays detached. */
static void test_detached_before(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        manager_expect(scene.fixture, "Detach", NIC, NO_OPTIONS, NIC_DETACHED);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        lessee_expect_acl(scene.fixture, NODE, ALICE_ENTRY);
        (void)close(guard);
        g_free(fixture_expect_signal(scene.fixture, OVER));
        fixture_property(scene.fixture, NIC_PATH, DEVICE, "State", "'detached'");
        lessee_expect_acl(scene.fixture, NODE, NO_ENTRY);
        scene_end(&scene);
}

static void test_release(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        scene.fixture->connection = private_bus_connect_as(BOB_UID);
        pending_refused(fixture_call_start(scene.fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)"), ACCESS_DENIED,
                        "*another user*");
        g_object_unref(scene.fixture->connection);
        as_alice(&scene);
        pending_refused(fixture_call_start(scene.fixture, LEASE1, LEASE, "Release", "({'force': <true>},)"),
                        ACCESS_DENIED, "*not authorized to reattach by force*");
        pending_expect(fixture_call_start(scene.fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)"), "()");
        expect_over(&scene);
        (void)close(guard);
        scene_end(&scene);
}

static Process *start_sleeper(const char *script) {
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *sleeper = process_start(argv, NULL);

        process_expect_line(sleeper, "ready");
        return sleeper;
}

static void end_sleeper(Process *sleeper) {
        g_assert_cmpint(kill(process_get_pid(sleeper), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(sleeper), ==, 128 + SIGKILL);
}

static void test_process(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        Process *sleeper = start_sleeper("echo ready && exec sleep 1000");
        g_autofree char *options = g_strdup_printf("{'pid': <uint32 %d>}", (int)process_get_pid(sleeper));
        g_free(start_as_alice(&scene, options));
        fixture_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        end_sleeper(sleeper);
        expect_over(&scene);
        lessee_refused(scene.fixture, NIC, options, "Failed", "There is no process*");
        scene_end(&scene);
}

/* A process has the device open after the end of the lease. */
static void test_lingering(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        g_autofree char *script = g_strdup_printf("exec 9<>%s/dev/vfio/12 && echo ready && exec sleep 1000",
                        fake_kernel_get_root(scene.fixture->kernel));
        Process *holder = start_sleeper(script);
        (void)close(guard);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'lingering'");
        fixture_property(scene.fixture, LEASE1, LEASE, "Holder", "'a process'");
        lessee_expect_acl(scene.fixture, NODE, NO_ENTRY);
        manager_refused(scene.fixture, "Reattach", NIC, NO_OPTIONS, "Leased", "*(lease 1, lingering)*");
        end_sleeper(holder);
        expect_over(&scene);
        scene_end(&scene);
}

/* A process that has the device open, and ignores SIGTERM. */
static Process *start_stubborn(Scene *scene) {
        g_autofree char *node = g_build_filename(fake_kernel_get_root(scene->fixture->kernel), NODE, NULL);
        g_autofree char *command = g_strdup_printf("trap '' TERM; exec 9<>%s && echo ready && sleep 1000", node);

        return start_sleeper(command);
}

static void expect_sigterm_first(Scene *scene, Process *holder) {
        fixture_wait_log(scene->fixture, "*was asked to end");
        fixture_wait_log(scene->fixture, "*was asked to end with SIGKILL");
        expect_over(scene);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
}

/* With "kill", a process of the user that has the device open ends, and no other. The tests run as root, so the lease is
 * root's. */
static void test_kill(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = lessee_start(scene.fixture, NIC, "{'kill': <true>}", LEASE1);
        int guard = lessee_claim(scene.fixture, ticket);
        Process *holder = start_stubborn(&scene);
        Process *other = start_sleeper("echo ready && exec sleep 1000");
        (void)close(guard);
        expect_over(&scene);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        end_sleeper(other);
        scene_end(&scene);
}

/* vfiod is so late that the time until SIGKILL has passed, too: the process gets SIGTERM first nevertheless. */
static void test_kill_late(void) {
        Scene scene;

        scene_begin_with(&scene, &(FixtureOptions){.reads_log = true});
        g_autofree char *ticket = lessee_start(scene.fixture, NIC, "{'kill': <true>}", LEASE1);
        int guard = lessee_claim(scene.fixture, ticket);
        Process *holder = start_stubborn(&scene);
        (void)close(guard);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'lingering'");
        g_assert_cmpint(kill(process_get_pid(scene.fixture->daemon), SIGSTOP), ==, 0);
        /* Longer than the time after which it would be killed. */
        g_usleep(500000);
        g_assert_cmpint(kill(process_get_pid(scene.fixture->daemon), SIGCONT), ==, 0);
        expect_sigterm_first(&scene, holder);
        scene_end(&scene);
}

/* No process can be ended at first, also when the time until SIGKILL has passed: the process gets SIGTERM first nevertheless. */
static void test_kill_fails(void) {
        Scene scene;

        scene_begin_with(&scene, &(FixtureOptions){.reads_log = true});
        g_autofree char *ticket = lessee_start(scene.fixture, NIC, "{'kill': <true>}", LEASE1);
        int guard = lessee_claim(scene.fixture, ticket);
        Process *holder = start_stubborn(&scene);
        g_autofree char *reaper = g_strdup_printf("%s.reaper", scene.fixture->state_folder);
        g_autofree char *away = g_strdup_printf("%s.away", reaper);
        g_assert_cmpint(rename(reaper, away), ==, 0);
        (void)close(guard);
        fixture_wait_log(scene.fixture, "Cannot end process *");
        gint64 first = g_get_monotonic_time();
        while (g_get_monotonic_time() < first + G_USEC_PER_SEC / 2)
                fixture_wait_log(scene.fixture, "Cannot end process *");
        g_assert_cmpint(rename(away, reaper), ==, 0);
        expect_sigterm_first(&scene, holder);
        scene_end(&scene);
}

/* A process of another user has the device open: it is not ended. */
static void test_kill_other_user(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, "{'kill': <true>}");
        int guard = lessee_claim(scene.fixture, ticket);
        g_autofree char *node = g_build_filename(fake_kernel_get_root(scene.fixture->kernel), NODE, NULL);
        g_autofree char *script = g_strdup_printf("exec 9<>%s && echo ready && exec sleep 1000", node);
        Process *holder = start_sleeper(script);
        (void)close(guard);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'lingering'");
        /* Much longer than the time after which it would be killed. */
        g_assert_false(process_ends_within(holder, 1500));
        fixture_property(scene.fixture, LEASE1, LEASE, "State", "'lingering'");
        end_sleeper(holder);
        expect_over(&scene);
        scene_end(&scene);
}

/* The kernel makes the node again: the user gets access again. */
static void test_new_node(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        g_free(fixture_expect_signal(scene.fixture, LEASE1 " PropertiesChanged *'active'*"));
        fixture_write(scene.fixture, NIC, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "State", "'driverless'");
        fixture_write(scene.fixture, NIC, "sys/bus/pci/drivers/vfio-pci/bind");
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "State", "'leased'");
        g_free(fixture_expect_signal(scene.fixture, LEASE1 " PropertiesChanged *'Nodes'*"));
        lessee_expect_acl(scene.fixture, NODE, ALICE_ENTRY);
        (void)close(guard);
        expect_over(&scene);
        scene_end(&scene);
}

/* systemd would keep the guard. Here nobody does, so the lease ends with the daemon that had it. */
static void test_restart(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        g_autofree char *ticket = start_as_alice(&scene, NO_OPTIONS);
        int guard = lessee_claim(scene.fixture, ticket);
        fixture_wait_property(scene.fixture, LEASE1, LEASE, "State", "'active'");
        fixture_crash_daemon(scene.fixture);
        fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "State", "'host'");
        lessee_expect_acl(scene.fixture, "dev/vfio/vfio", "user::rw-,group::rw-,other::rw-");
        fixture_driver(scene.fixture, NIC, "e1000e");
        (void)close(guard);
        scene_end(&scene);
}

static void test_guards(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        as_alice(&scene);
        lessee_refused(scene.fixture, PORT1, ALL, "NoReset", "*no method to reset 0000:03:01.0*--override=no-reset*");
        lessee_refused(scene.fixture, PORT1, "{'companions': <['*']>, 'override': <['no-reset']>}", ACCESS_DENIED,
                        "*not authorized to override guards*");
        lessee_refused(scene.fixture, NIC, "{'descriptors': <true>}", "DriverUnavailable", "*no descriptors*");
        expect_over(&scene);
        scene_end(&scene);
}

static void test_quota(void) {
        Scene scene;

        scene_begin(&scene, NULL);
        as_alice(&scene);
        g_free(lessee_start(scene.fixture, NIC, NO_OPTIONS, LEASE1));
        g_free(lessee_start(scene.fixture, "0000:07:00.0", NO_OPTIONS, BUS_PATH "/leases/2"));
        lessee_refused(scene.fixture, "10000:01:00.0", NO_OPTIONS, "LimitsExceeded", "*");
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/lease/guard", test_guard);
        g_test_add_func("/bus/lease/ticket", test_ticket);
        g_test_add_func("/bus/lease/unclaimed", test_unclaimed);
        g_test_add_func("/bus/lease/strangers", test_strangers);
        g_test_add_func("/bus/lease/refused", test_refused);
        g_test_add_func("/bus/lease/detached-before", test_detached_before);
        g_test_add_func("/bus/lease/release", test_release);
        g_test_add_func("/bus/lease/process", test_process);
        g_test_add_func("/bus/lease/lingering", test_lingering);
        g_test_add_func("/bus/lease/kill", test_kill);
        g_test_add_func("/bus/lease/kill-late", test_kill_late);
        g_test_add_func("/bus/lease/kill-fails", test_kill_fails);
        g_test_add_func("/bus/lease/kill-other-user", test_kill_other_user);
        g_test_add_func("/bus/lease/new-node", test_new_node);
        g_test_add_func("/bus/lease/restart", test_restart);
        g_test_add_func("/bus/lease/guards", test_guards);
        g_test_add_func("/bus/lease/quota", test_quota);
        return g_test_run();
}
