/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <signal.h>

/* Callers that do not read their answers, and a bus daemon that does not read the messages of vfiod: neither mutes
 * vfiod for others, nor do they use up memory. */

#define OTHER 2
#define N_CONNECTIONS 8
#define N_CALLS 250
/* A bus daemon has 3 to 5 MiB without an attack. In addition it keeps the limit of a user (1 MiB), what the user may have
 * before vfiod knows it (2 MiB), and the largest reply to each connection. */
#define BUS_MEMORY_MAX_KIB (12 * 1024)
#define CPU_MAX_US (4 * G_USEC_PER_SEC)

typedef struct Flood {
        RawBus *connections[N_CONNECTIONS];
        RawBus *observer;
} Flood;

/* Waits until vfiod has handled all calls of the connections. The bus daemon has passed them on before the call of the
 * observer. */
static void await_vfiod(RawBus **connections, guint n, RawBus *observer) {
        raw_bus_await_calls(connections, n, observer);
        (void)raw_bus_send(observer, "ListJobs", NULL, NULL);
        raw_bus_expect(observer, NULL, "*");
}

/* About 100 MiB of answers, which are never read. */
static void run_flood(void *userdata) {
        Flood *flood = userdata;

        for (guint n = 0; n < N_CALLS; n++) {
                for (guint i = 0; i < N_CONNECTIONS; i++)
                        (void)raw_bus_send_managed_objects(flood->connections[i]);
                /* The bus daemon itself refuses a call if more than 128 wait for an answer. */
                if (n % 50 == 49)
                        await_vfiod(flood->connections, N_CONNECTIONS, flood->observer);
        }
}

static void test_unread(uid_t uid) {
        Fixture *fixture = fixture_start(NULL);
        Flood flood = {.observer = raw_bus_connect(0)};
        Witness witness;

        for (guint i = 0; i < N_CONNECTIONS; i++)
                flood.connections[i] = raw_bus_connect(uid);
        witness_begin(&witness, fixture, uid);
        witness_during(&witness, run_flood, &flood);
        witness_end(&witness, CPU_MAX_US);
        g_assert_cmpuint(process_peak_kib(private_bus_get_pid(fixture->bus)), <, BUS_MEMORY_MAX_KIB);

        /* Another user is not affected. */
        g_autoptr(RawBus) other = raw_bus_connect(OTHER);
        (void)raw_bus_send_managed_objects(other);
        raw_bus_expect(other, NULL, "*");

        /* After the attacker has left, its user may call again. */
        for (guint i = 0; i < N_CONNECTIONS; i++)
                raw_bus_close(flood.connections[i]);
        raw_bus_close(flood.observer);
        g_autoptr(RawBus) again = raw_bus_connect(uid);
        for (bool refused = true; refused;) {
                (void)raw_bus_send_managed_objects(again);
                g_auto(RawAnswer) answer = raw_bus_receive(again);

                refused = answer.error;
        }
        fixture_stop(fixture);
}

/* A caller that reads is never refused, whatever it reads altogether: here about 20 MiB. */
static void test_reader(uid_t uid) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(RawBus) reader = raw_bus_connect(uid);

        for (guint i = 0; i < 300; i++) {
                (void)raw_bus_send_managed_objects(reader);
                raw_bus_expect(reader, NULL, "*");
        }
        fixture_stop(fixture);
}

static char *name_owner(Fixture *fixture) {
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(fixture->connection, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", g_variant_new("(s)", BUS_NAME),
                        NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, NULL);

        return reply ? g_variant_print(reply, false) : NULL;
}

/* The bus daemon stops, and vfiod has more to send than the socket takes. Only root may have so many answers. */

#define N_CALLERS 4
#define CALLS_PER_CALLER 120

static void stall(Fixture *fixture, RawBus **callers) {
        g_autoptr(RawBus) observer = raw_bus_connect(0);
        pid_t daemon = process_get_pid(fixture->daemon);

        for (guint i = 0; i < N_CALLERS; i++) {
                callers[i] = raw_bus_connect(0);
                /* Now vfiod knows that this is root. */
                for (guint n = 0; n < 2; n++) {
                        (void)raw_bus_send_managed_objects(callers[i]);
                        raw_bus_expect(callers[i], NULL, "*");
                        g_free(name_owner(fixture));
                }
        }
        g_assert_cmpint(kill(daemon, SIGSTOP), ==, 0);
        for (guint i = 0; i < N_CALLERS; i++)
                for (guint n = 0; n < CALLS_PER_CALLER; n++)
                        (void)raw_bus_send_managed_objects(callers[i]);
        raw_bus_await_calls(callers, N_CALLERS, observer);
        private_bus_pause(fixture->bus);
        g_assert_cmpint(kill(daemon, SIGCONT), ==, 0);
}

/* The queue of vfiod does not drain, so vfiod makes a new connection. It keeps its jobs and devices. */
static void test_stalled_bus(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.bus_deadline_ms = 2000, .reads_log = true});
        g_autofree char *path = g_strdup_printf("%s.root", fixture->state_folder);
        g_autofree char *owner = name_owner(fixture);
        g_autoptr(RawBus) root = raw_bus_connect_directly(path);
        gint64 end = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        GByteArray *body = raw_body();
        RawBus *callers[N_CALLERS];

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 1");
        raw_put_text(body, NIC);
        raw_end_array(body, raw_begin_array(body, 8), 8);
        (void)raw_bus_send(root, "Detach", "sa{sv}", body);
        fake_kernel_do(fixture->kernel, "wait-pending 1");

        stall(fixture, callers);
        fixture_wait_log(fixture, "The system bus does not read the messages of vfiod: *");
        private_bus_resume(fixture->bus);
        for (bool same = true; same;) {
                g_autofree char *now = name_owner(fixture);

                same = !now || g_str_equal(now, owner);
                g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
        /* The job goes on, signals arrive again, and calls are answered. */
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        raw_bus_expect(root, NULL, "*vfio-pci*");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        g_assert_cmpuint(process_peak_kib(process_get_pid(fixture->daemon)), <, DAEMON_MEMORY_MAX_KIB);
        for (guint i = 0; i < N_CALLERS; i++)
                raw_bus_close(callers[i]);
        fixture_stop(fixture);
}

/* A short pause loses nothing. */
static void test_short_stall(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.bus_deadline_ms = DEADLINE_MS});
        g_autofree char *path = g_strdup_printf("%s.root", fixture->state_folder);
        g_autoptr(RawBus) root = raw_bus_connect_directly(path);
        RawBus *callers[N_CALLERS];

        stall(fixture, callers);
        /* vfiod handles at most one call of each connection per turn, so now it has handled all calls that it got. */
        for (guint i = 0; i < 2 * N_CALLERS * CALLS_PER_CALLER; i++) {
                (void)raw_bus_send(root, "ListJobs", NULL, NULL);
                raw_bus_expect(root, NULL, "*");
        }
        private_bus_resume(fixture->bus);
        for (guint i = 0; i < N_CALLERS; i++) {
                for (guint n = 0; n < CALLS_PER_CALLER; n++)
                        raw_bus_expect(callers[i], NULL, "*");
                raw_bus_close(callers[i]);
        }
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        attack_add("/attack/backlog/unread", test_unread);
        attack_add("/attack/backlog/reader", test_reader);
        g_test_add_func("/attack/backlog/stalled-bus", test_stalled_bus);
        g_test_add_func("/attack/backlog/short-stall", test_short_stall);
        return g_test_run();
}
