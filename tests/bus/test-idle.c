/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-files.h"

/* vfiod ends when it has nothing to do, and only then. */

static const FixtureOptions idle_options = {.idle_ms = 3000};

/* Longer than it takes without the reason to stay. */
#define STAYS_MS 8000

static void disconnect(Fixture *fixture) {
        g_autoptr(GError) error = NULL;

        g_assert_true(g_dbus_connection_close_sync(fixture->connection, NULL, &error));
        g_assert_no_error(error);
        g_object_unref(fixture->connection);
        fixture->connection = private_bus_connect();
}

static void expect_end(Fixture *fixture) {
        g_assert_true(process_ends_within(fixture->daemon, DEADLINE_MS));
        g_assert_cmpint(process_finish(fixture->daemon), ==, 0);
        fixture_start_daemon(fixture);
}

static void expect_stays(Fixture *fixture) {
        g_assert_false(process_ends_within(fixture->daemon, STAYS_MS));
}

/* The connection of a caller keeps vfiod: it may wait for signals. A connection that never called does not. */
static void test_caller(void) {
        Fixture *fixture = fixture_start(&idle_options);

        expect_stays(fixture);
        disconnect(fixture);
        expect_end(fixture);
        fixture_stop(fixture);
}

static void test_never_called(void) {
        Fixture *fixture = fixture_start(&idle_options);

        disconnect(fixture);
        expect_end(fixture);
        expect_end(fixture);
        fixture_stop(fixture);
}

/* What vfiod has to do keeps it, also after its own restart. */
static void test_detached(void) {
        Fixture *fixture = fixture_start(&idle_options);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        disconnect(fixture);
        expect_stays(fixture);
        fixture_restart_daemon(fixture);
        expect_stays(fixture);
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        disconnect(fixture);
        /* The ended job, which somebody may ask for. */
        expect_stays(fixture);
        fixture_restart_daemon(fixture);
        expect_end(fixture);
        fixture_stop(fixture);
}

static void test_rule(void) {
        Fixture *fixture = fixture_start(&idle_options);

        rule_file_put(fixture, RULES_OWN, "absent", "[Match]\nAddress=0000:77:00.0\n");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        disconnect(fixture);
        expect_stays(fixture);
        fixture_expect(fixture, BUS_PATH, MANAGER, "RemoveRule", "('absent', " NO_OPTIONS ")", "()");
        disconnect(fixture);
        expect_end(fixture);
        fixture_stop(fixture);
}

/* A connection to root's socket keeps vfiod until it ends. */
static void test_root(void) {
        Fixture *fixture = fixture_start(&idle_options);
        g_autofree char *address = g_strdup_printf("unix:path=%s.root", fixture->state_folder);
        g_autoptr(GError) error = NULL;

        g_autoptr(GDBusConnection) peer = g_dbus_connection_new_for_address_sync(
                        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &error);
        g_assert_no_error(error);
        disconnect(fixture);
        expect_stays(fixture);
        g_assert_true(g_dbus_connection_close_sync(peer, NULL, &error));
        expect_end(fixture);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/idle/caller", test_caller);
        g_test_add_func("/bus/idle/never-called", test_never_called);
        g_test_add_func("/bus/idle/detached", test_detached);
        g_test_add_func("/bus/idle/rule", test_rule);
        g_test_add_func("/bus/idle/root", test_root);
        return g_test_run();
}
