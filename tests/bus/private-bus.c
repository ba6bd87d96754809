/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "private-bus.h"

#include <glib/gstdio.h>
#include <signal.h>

struct PrivateBus {
        char *folder, *config, *socket;
        Process *process;
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

PrivateBus *private_bus_start(bool shipped_policy) {
        PrivateBus *bus = g_new0(PrivateBus, 1);
        g_autoptr(GError) error = NULL;

        bus->folder = g_dir_make_tmp("vfiod-bus-XXXXXX", &error);
        g_assert_no_error(error);
        g_assert_cmpint(g_chmod(bus->folder, 0755), ==, 0);
        bus->socket = g_build_filename(bus->folder, "socket", NULL);
        bus->config = g_build_filename(bus->folder, "bus.conf", NULL);

        g_autofree char *text = g_strdup_printf(config_text, bus->socket, shipped_policy ? "deny" : "allow",
                        shipped_policy ? "<include>" VFIOD_BUS_POLICY "</include>" : "");
        (void)g_file_set_contents(bus->config, text, -1, &error);
        g_assert_no_error(error);

        g_autofree char *config_option = g_strdup_printf("--config-file=%s", bus->config);
        const char *const argv[] = {"dbus-daemon", "--nofork", "--nopidfile", "--print-address", config_option, NULL};
        bus->process = process_start(argv, NULL);
        g_autofree char *line = process_read_line(bus->process);
        if (!line)
                g_error("dbus-daemon does not start");

        g_autofree char *address = g_strdup_printf("unix:path=%s", bus->socket);
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", address, true);
        return bus;
}

PrivateBus *private_bus_stop(PrivateBus *bus) {
        if (!bus)
                return NULL;
        process_stop(bus->process);
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        (void)g_unlink(bus->socket);
        (void)g_unlink(bus->config);
        (void)g_rmdir(bus->folder);
        g_free(bus->folder);
        g_free(bus->config);
        g_free(bus->socket);
        g_free(bus);
        return NULL;
}

void private_bus_pause(PrivateBus *bus) {
        g_assert_cmpint(kill(process_get_pid(bus->process), SIGSTOP), ==, 0);
}

void private_bus_resume(PrivateBus *bus) {
        g_assert_cmpint(kill(process_get_pid(bus->process), SIGCONT), ==, 0);
}

GDBusConnection *private_bus_connect(void) {
        g_autoptr(GError) error = NULL;

        GDBusConnection *connection = g_dbus_connection_new_for_address_sync(g_getenv("DBUS_SYSTEM_BUS_ADDRESS"),
                        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                        NULL, NULL, &error);
        g_assert_no_error(error);
        return connection;
}
