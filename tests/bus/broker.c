/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "broker.h"
#include "broker-policy.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MACHINE_ID "0123456789abcdef0123456789abcdef"

/* What the launcher sets for a user: 64 connections with 8 MiB, 64 descriptors and 256 match rules each. */
#define MAX_BYTES "536870912"
#define MAX_DESCRIPTORS "4096"
#define MAX_MATCHES "16384"

/* The broker ends when its controller ends. */
struct Broker {
        Process *process;
        GDBusConnection *controller;
};

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
        strcpy(address.sun_path, path);
        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(g_chmod(path, 0666), ==, 0);
        g_assert_cmpint(listen(fd, SOMAXCONN), ==, 0);
        return fd;
}

/* Runs in the child. */
static void keep_open(void *userdata) {
        if (fcntl(*(const int *)userdata, F_SETFD, 0) < 0)
                _exit(126);
}

/* Connects to the controller's end of the socket pair. Takes the descriptor over. */
static GDBusConnection *connect_controller(int fd) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
        g_assert_no_error(error);
        g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);

        GDBusConnection *controller = g_dbus_connection_new_sync(
                        G_IO_STREAM(stream), NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &error);
        g_assert_no_error(error);
        return controller;
}

static void add_listener(Broker *broker, int fd, bool shipped_policy) {
        g_autoptr(GUnixFDList) list = g_unix_fd_list_new();
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(g_unix_fd_list_append(list, fd, &error), ==, 0);
        g_assert_no_error(error);
        GVariant *reply = g_dbus_connection_call_with_unix_fd_list_sync(broker->controller, NULL,
                        "/org/bus1/DBus/Broker", "org.bus1.DBus.Broker", "AddListener",
                        g_variant_new("(ohv)", "/org/bus1/DBus/Listener/0", 0, broker_policy(shipped_policy)), NULL,
                        G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, list, NULL, NULL, &error);
        g_assert_no_error(error);
        g_variant_unref(reply);
}

Broker *broker_start(const char *path, bool shipped_policy) {
        Broker *broker = g_new0(Broker, 1);
        int pair[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
        g_autofree char *controller = g_strdup_printf("%d", pair[1]);
        const char *const argv[] = {"dbus-broker", "--controller", controller, "--machine-id", MACHINE_ID,
                        "--max-bytes", MAX_BYTES, "--max-fds", MAX_DESCRIPTORS, "--max-matches", MAX_MATCHES, NULL};

        broker->process = process_start(argv, &(ProcessOptions){.setup = keep_open, .userdata = &pair[1]});
        (void)close(pair[1]);
        broker->controller = connect_controller(pair[0]);
        int fd = listen_at(path);
        add_listener(broker, fd, shipped_policy);
        (void)close(fd);
        return broker;
}

Broker *broker_stop(Broker *broker) {
        if (!broker)
                return NULL;
        process_stop(broker->process);
        g_object_unref(broker->controller);
        g_free(broker);
        return NULL;
}

pid_t broker_get_pid(Broker *broker) {
        return process_get_pid(broker->process);
}
