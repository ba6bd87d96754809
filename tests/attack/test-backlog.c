/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <signal.h>
#include <string.h>

/* Callers that do not read their answers, and a bus daemon that does not read the messages of vfiod: neither mutes
 * vfiod for others, nor do they use up memory. */

#define ATTACKER 1
#define OTHER 2
#define N_CONNECTIONS 8
#define N_CALLS 250
/* The limit of a user, and what it may have before vfiod knows the user. */
#define UNREAD_MAX (5ULL * 1024 * 1024)
#define RSS_MAX_KIB (32 * 1024)
#define CPU_MAX_US (4 * G_USEC_PER_SEC)

static guint64 daemon_rss_kib(Fixture *fixture) {
        g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)process_get_pid(fixture->daemon));
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        const char *line = strstr(text, "VmRSS:");
        g_assert_nonnull(line);
        return g_ascii_strtoull(line + strlen("VmRSS:"), NULL, 10);
}

/* About 100 MiB of answers, which are never read. */
static void flood(void *userdata) {
        RawBus **connections = userdata;

        for (guint n = 0; n < N_CALLS; n++) {
                for (guint i = 0; i < N_CONNECTIONS; i++)
                        (void)raw_bus_send_managed_objects(connections[i]);
                /* The bus daemon itself refuses a call if more than 128 wait for an answer. */
                if (n % 50 == 49)
                        g_usleep(G_USEC_PER_SEC / 4);
        }
}

/* What the bus daemon keeps because the connections do not read. */
static guint64 unread_bytes(Fixture *fixture, RawBus **connections) {
        guint64 sum = 0;

        for (guint i = 0; i < N_CONNECTIONS; i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = g_dbus_connection_call_sync(fixture->connection, "org.freedesktop.DBus",
                                "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats",
                                g_variant_new("(s)", raw_bus_get_name(connections[i])), NULL, G_DBUS_CALL_FLAGS_NONE,
                                DEADLINE_MS, NULL, &error);
                g_assert_no_error(error);
                g_autoptr(GVariant) statistics = g_variant_get_child_value(reply, 0);
                guint32 bytes;

                g_assert_true(g_variant_lookup(statistics, "OutgoingBytes", "u", &bytes));
                sum += bytes;
        }
        return sum;
}

static void test_unread(void) {
        Fixture *fixture = fixture_start(NULL);
        RawBus *connections[N_CONNECTIONS];
        Witness witness;

        for (guint i = 0; i < N_CONNECTIONS; i++)
                connections[i] = raw_bus_connect(ATTACKER);
        witness_begin(&witness, fixture);
        witness_during(&witness, flood, connections);
        witness_end(&witness, CPU_MAX_US);
        g_assert_cmpuint(daemon_rss_kib(fixture), <, RSS_MAX_KIB);
        guint64 unread = unread_bytes(fixture, connections);
        g_test_message("unread: %" G_GUINT64_FORMAT " KiB", unread / 1024);
        g_assert_cmpuint(unread, <, UNREAD_MAX);

        /* Another user is not affected. */
        g_autoptr(RawBus) other = raw_bus_connect(OTHER);
        (void)raw_bus_send_managed_objects(other);
        raw_bus_expect(other, NULL, "*");

        /* After the attacker has left, its user may call again. */
        for (guint i = 0; i < N_CONNECTIONS; i++)
                raw_bus_close(connections[i]);
        g_autoptr(RawBus) again = raw_bus_connect(ATTACKER);
        for (bool refused = true; refused;) {
                (void)raw_bus_send_managed_objects(again);
                g_auto(RawAnswer) answer = raw_bus_receive(again);

                refused = answer.error;
        }
        fixture_stop(fixture);
}

/* A caller that reads is never refused, whatever it reads altogether: here about 20 MiB. */
static void test_reader(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(RawBus) reader = raw_bus_connect(ATTACKER);

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
        for (guint i = 0; i < 20; i++) {
                g_free(name_owner(fixture));
                g_usleep(G_USEC_PER_SEC / 50);
        }
        private_bus_pause(fixture->bus);
        g_assert_cmpint(kill(daemon, SIGCONT), ==, 0);
}

/* The queue of vfiod does not drain, so vfiod makes a new connection. It keeps its jobs and devices. */
static void test_stalled_bus(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.bus_deadline_ms = 300});
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
        g_usleep(G_USEC_PER_SEC);
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
        g_assert_cmpuint(daemon_rss_kib(fixture), <, RSS_MAX_KIB);
        for (guint i = 0; i < N_CALLERS; i++)
                raw_bus_close(callers[i]);
        fixture_stop(fixture);
}

/* A short pause loses nothing. */
static void test_short_stall(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.bus_deadline_ms = DEADLINE_MS});
        RawBus *callers[N_CALLERS];

        stall(fixture, callers);
        g_usleep(G_USEC_PER_SEC);
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
        g_test_add_func("/attack/backlog/unread", test_unread);
        g_test_add_func("/attack/backlog/reader", test_reader);
        g_test_add_func("/attack/backlog/stalled-bus", test_stalled_bus);
        g_test_add_func("/attack/backlog/short-stall", test_short_stall);
        return g_test_run();
}
