/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "private-bus.h"
#include "broker.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

struct PrivateBus {
        char *folder, *config, *users, *socket;
        Process *process; /* dbus-daemon, or NULL */
        Broker *broker;   /* or NULL */
};

/* Configured like a system bus, but it permits all calls, so that the service's own policy denies them. */
static const char config_text[] = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
                                  " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                                  "<busconfig>\n"
                                  "<type>system</type>\n"
                                  "<listen>unix:path=%s</listen>\n"
                                  "<auth>EXTERNAL</auth>\n"
                                  "<policy context=\"default\">\n"
                                  "<allow user=\"*\"/>\n"
                                  "<%s own=\"*\"/>\n"
                                  "<allow send_type=\"method_call\"/>\n"
                                  "<allow send_type=\"signal\"/>\n"
                                  "<allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
                                  "<allow send_requested_reply=\"true\" send_type=\"error\"/>\n"
                                  "<allow receive_type=\"method_call\"/>\n"
                                  "<allow receive_type=\"method_return\"/>\n"
                                  "<allow receive_type=\"error\"/>\n"
                                  "<allow receive_type=\"signal\"/>\n"
                                  "</policy>\n"
                                  "%s\n"
                                  "</busconfig>\n";

bool private_bus_is_broker(void) {
        return g_strcmp0(g_getenv("VFIOD_TEST_BUS"), "dbus-broker") == 0;
}

/* dbus-daemon accepts only users that have a name. For dbus-daemon only, the users of the tests have one. */
static void write_users(PrivateBus *bus) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;

        bus->users = g_build_filename(bus->folder, "passwd", NULL);
        (void)g_file_get_contents("/etc/passwd", &text, NULL, &error);
        g_assert_no_error(error);
        g_autofree char *longer = g_strdup_printf("%sfar:x:%u:%u::/:/bin/sh\n"
                                                  "alice:x:%u:%u::/:/bin/sh\n"
                                                  "bob:x:%u:%u::/:/bin/sh\n",
                        text, FAR_UID, FAR_UID, ALICE_UID, ALICE_UID, BOB_UID, BOB_UID);
        (void)g_file_set_contents(bus->users, longer, -1, &error);
        g_assert_no_error(error);
}

/* Runs in the child. */
static void use_users(void *userdata) {
        const PrivateBus *bus = userdata;

        if (mount(bus->users, "/etc/passwd", NULL, MS_BIND, NULL) < 0)
                _exit(126);
}

static void start_dbus_daemon(PrivateBus *bus, bool shipped_policy) {
        g_autoptr(GError) error = NULL;

        bus->config = g_build_filename(bus->folder, "bus.conf", NULL);
        g_autofree char *text = g_strdup_printf(config_text, bus->socket, shipped_policy ? "deny" : "allow",
                        shipped_policy ? "<policy context=\"default\"><allow own=\"" POLKIT_NAME "\"/></policy>\n"
                                         "<include>" VFIOD_BUS_POLICY "</include>"
                                       : "");
        (void)g_file_set_contents(bus->config, text, -1, &error);
        g_assert_no_error(error);

        g_autofree char *config_option = g_strdup_printf("--config-file=%s", bus->config);
        const char *const argv[] = {"dbus-daemon", "--nofork", "--nopidfile", "--print-address", config_option, NULL};
        write_users(bus);
        bus->process = process_start(
                        argv, &(ProcessOptions){.private_mounts = true, .setup = use_users, .userdata = bus});
        g_autofree char *line = process_read_line(bus->process);
        if (!line)
                g_error("dbus-daemon does not start");
}

PrivateBus *private_bus_start(bool shipped_policy) {
        PrivateBus *bus = g_new0(PrivateBus, 1);
        g_autoptr(GError) error = NULL;

        bus->folder = g_dir_make_tmp("vfiod-bus-XXXXXX", &error);
        g_assert_no_error(error);
        g_assert_cmpint(g_chmod(bus->folder, 0755), ==, 0);
        bus->socket = g_build_filename(bus->folder, "socket", NULL);
        if (private_bus_is_broker())
                bus->broker = broker_start(bus->socket, shipped_policy);
        else
                start_dbus_daemon(bus, shipped_policy);

        g_autofree char *address = g_strdup_printf("unix:path=%s", bus->socket);
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", address, true);
        return bus;
}

PrivateBus *private_bus_stop(PrivateBus *bus) {
        if (!bus)
                return NULL;
        broker_stop(bus->broker);
        process_stop(bus->process);
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        (void)g_unlink(bus->socket);
        if (bus->config)
                (void)g_unlink(bus->config);
        if (bus->users)
                (void)g_unlink(bus->users);
        (void)g_rmdir(bus->folder);
        g_free(bus->folder);
        g_free(bus->config);
        g_free(bus->users);
        g_free(bus->socket);
        g_free(bus);
        return NULL;
}

pid_t private_bus_get_pid(PrivateBus *bus) {
        return bus->broker ? broker_get_pid(bus->broker) : process_get_pid(bus->process);
}

void private_bus_pause(PrivateBus *bus) {
        g_assert_cmpint(kill(private_bus_get_pid(bus), SIGSTOP), ==, 0);
}

void private_bus_resume(PrivateBus *bus) {
        g_assert_cmpint(kill(private_bus_get_pid(bus), SIGCONT), ==, 0);
}

GDBusConnection *private_bus_connect(void) {
        g_autoptr(GError) error = NULL;

        GDBusConnection *connection = g_dbus_connection_new_for_address_sync(g_getenv("DBUS_SYSTEM_BUS_ADDRESS"),
                        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                        NULL, NULL, &error);
        g_assert_no_error(error);
        return connection;
}

/* The bus uses the effective uid of the connecting thread. */
static void set_effective_uid(uid_t uid) {
        g_assert_cmpint(syscall(SYS_setresuid, -1, uid, -1), ==, 0);
}

GDBusConnection *private_bus_connect_as(uid_t uid) {
        set_effective_uid(uid);
        GDBusConnection *connection = private_bus_connect();
        set_effective_uid(0);
        return connection;
}

void private_bus_await_no_owner(GDBusConnection *connection, const char *name) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        gboolean has_owner = true;

        while (has_owner) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = g_dbus_connection_call_sync(connection, "org.freedesktop.DBus",
                                "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                                g_variant_new("(s)", name), NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);

                g_assert_no_error(error);
                g_variant_get(reply, "(b)", &has_owner);
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        }
}
