/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "raw-bus.h"

#include <signal.h>

/* Root's own socket: it is for root alone, has the same objects and signals as the system bus, and answers also when
 * the system bus does not. */

#define PEERS_MAX 64
#define ANSWER_MAX_US (3 * G_USEC_PER_SEC)

static char *socket_path(const Fixture *fixture) {
        return g_strdup_printf("%s.root", fixture->state_folder);
}

/* The option of vfioctl. */
static char *address_option(const Fixture *fixture) {
        return g_strdup_printf("--address=unix:path=%s.root", fixture->state_folder);
}

static void ask(RawBus *peer) {
        GByteArray *body = raw_body();

        raw_put_text(body, "group:12");
        (void)raw_bus_send(peer, "GetGroup", "s", body);
}

static void expect_answer(RawBus *peer) {
        ask(peer);
        raw_bus_expect(peer, NULL, "*" GROUP12 "*");
}

static void test_only_root(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = socket_path(fixture);
        g_autoptr(RawBus) root = raw_bus_connect_directly(path);

        g_assert_true(raw_bus_is_refused(path, NOBODY_UID));
        g_assert_true(raw_bus_is_refused(path, FAR_UID));
        g_assert_true(raw_bus_is_refused(path, 1));
        g_assert_false(raw_bus_is_refused(path, 0));
        expect_answer(root);
        fixture_stop(fixture);
}

/* Both connections give the same answers. */
static void test_reading(void) {
        static const char *const commands[] = {"groups", "devices", "show ens1", "status", "jobs", "plan ens1",
                        "rule list", "vfs ens1", "show nonsense"};
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *option = address_option(fixture);

        for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
                g_auto(ProgramResult) over_bus = vfioctl("--json %s", commands[i]);
                g_auto(ProgramResult) direct = vfioctl("--json %s %s", option, commands[i]);

                g_assert_cmpint(direct.status, ==, over_bus.status);
                g_assert_cmpstr(direct.output, ==, over_bus.output);
                g_assert_cmpstr(direct.errors, ==, over_bus.errors);
        }
        fixture_stop(fixture);
}

static void test_changing(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *option = address_option(fixture);

        EXPECT(0, "", "%s detach 05:00.0 --quiet", option);
        fixture_driver(fixture, NIC, "vfio-pci");
        /* Signals go to the system bus as well. */
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged ('org.vfiod1.Device', *'detached'*"));
        EXPECT(0, "", "%s reattach 05:00.0 --quiet", option);
        fixture_driver(fixture, NIC, "e1000e");
        EXPECT(3, "vfioctl: *", "%s detach ens99", option);
        EXPECT(1, "vfioctl: cannot connect to unix:path=/nowhere: No such file or directory\n",
                        "--address=unix:path=/nowhere groups");
        fixture_stop(fixture);
}

/* A job goes on when its caller leaves. */
static void test_caller_leaves(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = socket_path(fixture);
        RawBus *peer = raw_bus_connect_directly(path);
        GByteArray *body = raw_body();

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 1");
        raw_put_text(body, NIC);
        raw_end_array(body, raw_begin_array(body, 8), 8);
        (void)raw_bus_send(peer, "Detach", "sa{sv}", body);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_expect_own_job(fixture, JOB1, "test-attack-roo");
        raw_bus_close(peer);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

/* The last line of the monitor that is like the pattern, or any line before. */
static void wait_line(Process *monitor, const char *pattern) {
        for (;;) {
                g_autofree char *line = process_read_line(monitor);

                g_assert_nonnull(line);
                if (g_pattern_match_simple(pattern, line))
                        return;
        }
}

/* After the end of vfiod, the monitor waits for the next one. */
static void test_monitor(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *line = g_strdup_printf("--address=unix:path=%s.root monitor", fixture->state_folder);
        g_auto(GStrv) argv = vfioctl_argv(line);
        Process *monitor =
                        process_start((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment});

        for (guint round = 0; round < 2; round++) {
                wait_line(monitor,
                                round == 0 ? "*  vfiod         " VFIOD_VERSION ", 21 devices in 16 groups"
                                           : "*  vfiod         is back: " VFIOD_VERSION ", 21 devices in 16 groups");
                fake_kernel_do(fixture->kernel,
                                "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=20 net=ens8");
                wait_line(monitor, "*  0000:00:08.0  *added*");
                fake_kernel_do(fixture->kernel, "unplug 0000:00:08.0");
                wait_line(monitor, "*  0000:00:08.0  *removed*");
                if (round == 0) {
                        fixture_stop_daemon(fixture);
                        wait_line(monitor, "*  vfiod         is gone");
                        fixture_start_daemon(fixture);
                }
        }
        g_assert_cmpint(kill(process_get_pid(monitor), SIGTERM), ==, 0);
        g_assert_cmpint(process_finish(monitor), ==, 0);
        fixture_stop(fixture);
}

static void test_too_many(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = socket_path(fixture);
        RawBus *peers[PEERS_MAX];
        guint n_peers = PEERS_MAX;

        for (guint i = 0; i < PEERS_MAX; i++) {
                peers[i] = raw_bus_connect_directly(path);
                expect_answer(peers[i]);
        }
        g_assert_true(raw_bus_is_refused(path, 0));
        expect_answer(peers[0]);
        /* Two places, because the question whether there is one takes a place for a moment. */
        for (guint i = 1; i <= 2; i++)
                raw_bus_close(peers[i]);
        do
                fixture_property(fixture, BUS_PATH, MANAGER, "Version", "'" VFIOD_VERSION "'");
        while (raw_bus_is_refused(path, 0));
        peers[1] = raw_bus_connect_directly(path);
        expect_answer(peers[1]);
        peers[2] = peers[--n_peers];
        for (guint i = 0; i < n_peers; i++) {
                expect_answer(peers[i]);
                raw_bus_close(peers[i]);
        }
        fixture_stop(fixture);
}

/* A program that does not read its answers loses the connection. The others notice nothing. */
static void test_slow_reader(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = socket_path(fixture);
        g_autoptr(RawBus) slow = raw_bus_connect_directly(path), other = raw_bus_connect_directly(path);

        expect_answer(slow);
        g_assert_true(raw_bus_send_until_lost(slow, "ListDevices", 100000));
        expect_answer(other);
        fixture_stop(fixture);
}

/* The bus daemon does nothing any more. */
static void test_muted_bus(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = socket_path(fixture), *option = address_option(fixture);
        g_autoptr(RawBus) root = raw_bus_connect_directly(path);

        private_bus_pause(fixture->bus);
        gint64 begin = g_get_monotonic_time();
        for (guint i = 0; i < 100; i++)
                expect_answer(root);
        EXPECT(0, "", "%s detach 05:00.0 --quiet", option);
        EXPECT(0, "", "%s reattach 05:00.0 --quiet", option);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * ANSWER_MAX_US);
        private_bus_resume(fixture->bus);
        /* The signals arrive late, and in order. */
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged ('org.vfiod1.Device', *'detached'*"));
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged ('org.vfiod1.Device', *'host'*"));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/root-socket/only-root", test_only_root);
        g_test_add_func("/attack/root-socket/reading", test_reading);
        g_test_add_func("/attack/root-socket/changing", test_changing);
        g_test_add_func("/attack/root-socket/caller-leaves", test_caller_leaves);
        g_test_add_func("/attack/root-socket/monitor", test_monitor);
        g_test_add_func("/attack/root-socket/too-many", test_too_many);
        g_test_add_func("/attack/root-socket/slow-reader", test_slow_reader);
        g_test_add_func("/attack/root-socket/muted-bus", test_muted_bus);
        return g_test_run();
}
