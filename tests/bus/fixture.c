/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "host-files.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

static void on_signal(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *member, GVariant *arguments, void *userdata) {
        g_autofree char *text = g_variant_print(arguments, false);
        Fixture *fixture = userdata;

        (void)connection, (void)sender, (void)interface;
        g_ptr_array_add(fixture->signals, g_strdup_printf("%s %s %s", path, member, text));
}

/* Runs in the child. */
static void join_outputs(void *userdata) {
        (void)userdata;
        if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
                _exit(126);
}

void fixture_wait_log(Fixture *fixture, const char *pattern) {
        for (bool found = false; !found;) {
                g_autofree char *line = g_queue_pop_head(&fixture->early_log) ?: process_read_line(fixture->daemon);

                if (!line)
                        g_error("the daemon ends without the line \"%s\"", pattern);
                found = g_pattern_match_simple(pattern, line);
        }
}

/* A helper of the daemon may log before the daemon is ready: these lines are for fixture_wait_log(). */
static void wait_ready(Fixture *fixture) {
        char *line;

        g_queue_clear_full(&fixture->early_log, g_free);
        while ((line = process_read_line(fixture->daemon)) && !g_str_equal(line, "ready"))
                g_queue_push_tail(&fixture->early_log, line);
        g_assert_nonnull(line);
        g_free(line);
}

static void daemon_start(Fixture *fixture) {
        g_autofree char *step = g_strdup_printf("%u", fixture->options.step_deadline_ms);
        g_autofree char *held = g_strdup_printf("%u", fixture->options.held_deadline_ms);
        const char *argv[] = {VFIOD_SIM, fake_kernel_get_root(fixture->kernel), fake_kernel_get_socket(fixture->kernel),
                        fixture->state_folder, fixture->options.step_deadline_ms > 0 ? step : NULL, step,
                        fixture->options.held_deadline_ms > 0 ? held : NULL, NULL};

        g_autofree char *deadline = g_strdup_printf("VFIOD_SIM_BUS_DEADLINE_MS=%u", fixture->options.bus_deadline_ms);
        g_autofree char *polkit =
                        g_strdup_printf("VFIOD_SIM_POLKIT_DEADLINE_MS=%u", fixture->options.polkit_deadline_ms);
        g_autofree char *log_socket = g_strdup_printf("VFIOD_SIM_LOG=%s", fixture->options.log_socket);
        g_autofree char *idle = g_strdup_printf("VFIOD_SIM_IDLE_MS=%u", fixture->options.idle_ms);
        const char *environment[6] = {};
        size_t n = 0;

        /* The bus may learn the end of a daemon that was killed after the first words of the next one, which then cannot get the name. */
        if (fixture->connection)
                private_bus_await_no_owner(fixture->connection, BUS_NAME);
        if (fixture->options.bus_deadline_ms > 0)
                environment[n++] = deadline;
        if (fixture->options.polkit_deadline_ms > 0)
                environment[n++] = polkit;
        if (fixture->options.idle_ms > 0)
                environment[n++] = idle;
        if (fixture->options.log_socket)
                environment[n++] = log_socket;
        if (fixture->options.network)
                environment[n++] = "VFIOD_SIM_NETWORK=1";

        fixture->daemon = process_start(argv,
                        &(ProcessOptions){
                                        .environment = environment,
                                        .setup = fixture->options.reads_log ? join_outputs : NULL,
                        });
        wait_ready(fixture);
}

void fixture_stop_daemon(Fixture *fixture) {
        fixture->daemon = process_stop(fixture->daemon);
}

void fixture_start_daemon(Fixture *fixture) {
        daemon_start(fixture);
}

void fixture_restart_daemon(Fixture *fixture) {
        fixture_stop_daemon(fixture);
        daemon_start(fixture);
}

void fixture_crash_daemon(Fixture *fixture) {
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(fixture->daemon), ==, 128 + SIGKILL);
        daemon_start(fixture);
}

void fixture_write(Fixture *fixture, const char *value, const char *path) {
        int r = fake_kernel_write(fixture->kernel, value, "%s", path);

        if (r < 0)
                g_error("%s to %s: %s", value, path, g_strerror(-r));
}

void fixture_detach_nic_by_hand(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/" NIC "/driver_override");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers/e1000e/unbind");
        fixture_write(fixture, NIC, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'foreign'");
}

Fixture *fixture_start(const FixtureOptions *options) {
        Fixture *fixture = g_new0(Fixture, 1);
        g_autoptr(GError) error = NULL;

        if (options)
                fixture->options = *options;
        fixture->signals = g_ptr_array_new_with_free_func(g_free);
        fixture->state_folder = g_dir_make_tmp("vfiod-state-XXXXXX", &error);
        g_assert_no_error(error);
        fixture->kernel = fake_kernel_start(fixture->options.topology ?: "story");
        fixture->bus = private_bus_start(!fixture->options.permissive_bus);
        if (fixture->options.host_files)
                host_files_put(fixture->state_folder, fixture->options.host_files);
        daemon_start(fixture);

        fixture->connection = private_bus_connect();
        (void)g_dbus_connection_signal_subscribe(fixture->connection, BUS_NAME, NULL, NULL, NULL, NULL,
                        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, fixture, NULL);
        /* Messages are handled in order: after this reply, the bus has the match rule. */
        fixture_property(fixture, BUS_PATH, MANAGER, "Version", "'" VFIOD_VERSION "'");
        return fixture;
}

static void remove_folder(const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);

        for (const char *name; folder && (name = g_dir_read_name(folder));) {
                g_autofree char *file = g_build_filename(path, name, NULL);

                (void)g_remove(file);
        }
        (void)g_rmdir(path);
}

/* A folder or a file that vfiod-sim, or an administrator, puts next to the state folder. */
static void remove_sibling(Fixture *fixture, const char *suffix) {
        g_autofree char *path = g_strdup_printf("%s.%s", fixture->state_folder, suffix);

        remove_folder(path);
        (void)g_unlink(path);
}

Fixture *fixture_stop(Fixture *fixture) {
        process_stop(fixture->daemon);
        g_dbus_connection_close_sync(fixture->connection, NULL, NULL);
        g_object_unref(fixture->connection);
        private_bus_stop(fixture->bus);
        fake_kernel_stop(fixture->kernel);
        remove_folder(fixture->state_folder);
        remove_sibling(fixture, "rules");
        remove_sibling(fixture, "rules.run");
        remove_sibling(fixture, "rules.lib");
        remove_sibling(fixture, "udev-rules");
        remove_sibling(fixture, "udev-boot");
        remove_sibling(fixture, "online");
        remove_sibling(fixture, "root");
        host_files_remove(fixture->state_folder);
        g_free(fixture->state_folder);
        g_ptr_array_unref(fixture->signals);
        g_queue_clear_full(&fixture->early_log, g_free);
        g_free(fixture);
        return NULL;
}

static GVariant *parse_arguments(const char *arguments) {
        g_autoptr(GError) error = NULL;
        GVariant *parsed = arguments ? g_variant_parse(NULL, arguments, NULL, NULL, &error) : NULL;

        if (error)
                g_error("%s: %s", arguments, error->message);
        return parsed;
}

GVariant *fixture_call(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, GError **error) {
        return g_dbus_connection_call_sync(fixture->connection, BUS_NAME, path, interface, method,
                        parse_arguments(arguments), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, DEADLINE_MS, NULL, error);
}

void error_expect(const GError *error, const char *error_name, const char *pattern) {
        g_assert_nonnull(error);
        g_autofree char *actual = g_dbus_error_get_remote_error(error);
        g_autoptr(GError) stripped = g_error_copy(error);
        g_autofree char *name = strchr(error_name, '.') ? g_strdup(error_name)
                                                        : g_strdup_printf(BUS_NAME ".Error.%s", error_name);

        (void)g_dbus_error_strip_remote_error(stripped);
        if (g_strcmp0(actual, name) != 0)
                g_error("%s instead of %s: %s", actual, name, stripped->message);
        if (!g_pattern_match_simple(pattern, stripped->message))
                g_error("%s: the message \"%s\" is not like \"%s\"", name, stripped->message, pattern);
}

static void reply_expect(GVariant *reply, const GError *error, const char *expected) {
        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(reply, false);
        g_assert_cmpstr(text, ==, expected);
}

void fixture_expect(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, const char *expected) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, path, interface, method, arguments, &error);

        reply_expect(reply, error, expected);
}

void fixture_refused(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, const char *error_name, const char *pattern) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, path, interface, method, arguments, &error);

        if (reply)
                g_error("%s%s of %s is not refused with %s", method, arguments ?: "()", path, error_name);
        error_expect(error, error_name, pattern);
}

void manager_expect(
                Fixture *fixture, const char *method, const char *selector, const char *options, const char *expected) {
        g_autofree char *arguments = options ? g_strdup_printf("('%s', %s)", selector, options)
                                             : g_strdup_printf("('%s',)", selector);

        fixture_expect(fixture, BUS_PATH, MANAGER, method, arguments, expected);
}

void manager_refused(Fixture *fixture, const char *method, const char *selector, const char *options,
                const char *error_name, const char *pattern) {
        g_autofree char *arguments = options ? g_strdup_printf("('%s', %s)", selector, options)
                                             : g_strdup_printf("('%s',)", selector);

        fixture_refused(fixture, BUS_PATH, MANAGER, method, arguments, error_name, pattern);
}

struct Pending {
        GAsyncResult *result;
        GDBusConnection *connection;
};

static void on_reply(GObject *source, GAsyncResult *result, void *userdata) {
        (void)source;
        ((Pending *)userdata)->result = g_object_ref(result);
}

Pending *connection_call_start(GDBusConnection *connection, GDBusCallFlags flags, const char *path,
                const char *interface, const char *method, const char *arguments) {
        Pending *pending = g_new0(Pending, 1);

        pending->connection = g_object_ref(connection);
        /* On root's socket, there are no names. */
        const char *name = g_dbus_connection_get_unique_name(connection) ? BUS_NAME : NULL;
        g_dbus_connection_call(connection, name, path, interface, method, parse_arguments(arguments), NULL, flags,
                        DEADLINE_MS, NULL, on_reply, pending);
        return pending;
}

Pending *fixture_call_start(
                Fixture *fixture, const char *path, const char *interface, const char *method, const char *arguments) {
        return connection_call_start(
                        fixture->connection, G_DBUS_CALL_FLAGS_NO_AUTO_START, path, interface, method, arguments);
}

char *refusal_of(GDBusConnection *connection, const char *method, const char *arguments) {
        g_autoptr(GDBusMessage) call = g_dbus_message_new_method_call(BUS_NAME, BUS_PATH, MANAGER, method);
        Pending pending = {0};

        g_dbus_message_set_body(call, parse_arguments(arguments));
        g_dbus_connection_send_message_with_reply(
                        connection, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, DEADLINE_MS, NULL, NULL, on_reply, &pending);
        while (!pending.result)
                g_main_context_iteration(NULL, true);
        g_autoptr(GDBusMessage) reply =
                        g_dbus_connection_send_message_with_reply_finish(connection, pending.result, NULL);
        g_object_unref(pending.result);
        g_assert_cmpint(g_dbus_message_get_message_type(reply), ==, G_DBUS_MESSAGE_TYPE_ERROR);
        return g_variant_print(g_dbus_message_get_body(reply), false);
}

bool pending_is_done(Pending *pending) {
        return pending->result;
}

GVariant *pending_finish(Pending *pending, GError **error) {
        while (!pending->result)
                (void)g_main_context_iteration(NULL, true);
        GVariant *reply = g_dbus_connection_call_finish(pending->connection, pending->result, error);
        g_object_unref(pending->result);
        g_object_unref(pending->connection);
        g_free(pending);
        return reply;
}

void pending_expect(Pending *pending, const char *expected) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = pending_finish(pending, &error);

        reply_expect(reply, error, expected);
}

void pending_refused(Pending *pending, const char *error_name, const char *pattern) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = pending_finish(pending, &error);

        g_assert_null(reply);
        error_expect(error, error_name, pattern);
}

Pending *fixture_detach_stalled(Fixture *fixture, unsigned k) {
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall %u", k);
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('" NIC "', " NO_OPTIONS ")");
        fixture_wait_property(fixture, GROUP12, GROUP, "State", "'changing'");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        return pending;
}

bool fixture_kill(Fixture *fixture, const char *name) {
        pid_t pid = process_find_below(fixture->daemon, name);

        return pid > 0 && kill(pid, SIGKILL) == 0;
}

void fixture_kill_worker(Fixture *fixture) {
        g_assert_true(fixture_kill(fixture, "vfiod-job"));
        fake_kernel_do(fixture->kernel, "resume");
}

/* NULL if the object does not exist. */
static char *find_property(Fixture *fixture, const char *path, const char *interface, const char *property) {
        g_autofree char *arguments = g_strdup_printf("('%s', '%s')", interface, property);
        g_autoptr(GVariant) reply = NULL, value = NULL;
        g_autoptr(GError) error = NULL;

        reply = fixture_call(fixture, path, PROPERTIES, "Get", arguments, &error);
        if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT))
                return NULL;
        g_assert_no_error(error);
        g_variant_get(reply, "(v)", &value);
        return g_variant_print(value, false);
}

bool fixture_has_job(Fixture *fixture) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, &error);

        g_assert_no_error(error);
        g_autoptr(GVariant) rows = g_variant_get_child_value(reply, 0);
        for (gsize i = 0; i < g_variant_n_children(rows); i++) {
                g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
                const char *path;

                g_variant_get_child(row, 1, "&o", &path);
                if (!g_str_equal(path, "/"))
                        return true;
        }
        return false;
}

void fixture_expect_no_job(Fixture *fixture) {
        g_assert_false(fixture_has_job(fixture));
}

void fixture_expect_own_job(Fixture *fixture, const char *path, const char *command) {
        fixture_expect_caller(fixture, path, getpid(), command);
}

void fixture_expect_caller(Fixture *fixture, const char *path, pid_t pid, const char *command) {
        g_autofree char *caller = fixture_get(fixture, path, JOB, "Caller");
        g_autofree char *pattern =
                        g_strdup_printf("{'Kind': <'call'>, 'Uid': <uint32 0>, 'Pid': <uint32 %d>, 'Command': <'%s'>*}",
                                        (int)pid, command);

        if (!g_pattern_match_simple(pattern, caller))
                g_error("%s is not as expected: %s", caller, pattern);
}

void fixture_cancel(Fixture *fixture, const char *job) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, job, JOB, "Cancel", "(" NO_OPTIONS ",)", &error);
        const char *state, *message;

        g_assert_no_error(error);
        g_variant_get(reply, "(&s&s)", &state, &message);
        g_assert_cmpstr(state, ==, "cancelling");
        g_assert_true(g_pattern_match_simple("Job * is cancelled: it undoes what it did as soon as *", message));
}

char *fixture_get(Fixture *fixture, const char *path, const char *interface, const char *property) {
        char *value = find_property(fixture, path, interface, property);

        if (!value)
                g_error("there is no %s", path);
        return value;
}

void fixture_property(
                Fixture *fixture, const char *path, const char *interface, const char *property, const char *expected) {
        g_autofree char *value = fixture_get(fixture, path, interface, property);

        if (g_strcmp0(value, expected) != 0)
                g_error("%s of %s is %s instead of %s", property, path, value, expected);
}

static gboolean on_deadline(void *userdata) {
        g_error("no signal like \"%s\"", (const char *)userdata);
        return G_SOURCE_REMOVE;
}

char *fixture_expect_signal(Fixture *fixture, const char *pattern) {
        unsigned deadline = g_timeout_add(DEADLINE_MS, on_deadline, (void *)pattern);

        for (unsigned seen = 0;;) {
                for (; seen < fixture->signals->len; seen++)
                        if (g_pattern_match_simple(pattern, fixture->signals->pdata[seen])) {
                                char *found = g_strdup(fixture->signals->pdata[seen]);

                                g_ptr_array_remove_range(fixture->signals, 0, seen + 1);
                                (void)g_source_remove(deadline);
                                return found;
                        }
                (void)g_main_context_iteration(NULL, true);
        }
}

/* If the object does not exist yet, waits for the signal that adds it. */
static void fixture_wait_object(Fixture *fixture, const char *path, const char *interface) {
        g_autofree char *pattern = g_strdup_printf("%s InterfacesAdded ('%s', *", BUS_PATH, path);
        g_autofree char *arguments = g_strdup_printf("('%s',)", interface);
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        reply = fixture_call(fixture, path, PROPERTIES, "GetAll", arguments, &error);
        if (!reply && g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT))
                g_free(fixture_expect_signal(fixture, pattern));
}

void fixture_wait_property(
                Fixture *fixture, const char *path, const char *interface, const char *property, const char *expected) {
        g_autofree char *changed = g_strdup_printf("%s PropertiesChanged ('%s', {*", path, interface);
        g_autofree char *added = g_strdup_printf("* InterfacesAdded ('%s'*", path);

        fixture_wait_object(fixture, path, interface);
        for (;;) {
                g_autofree char *value = find_property(fixture, path, interface, property);

                if (g_strcmp0(value, expected) == 0)
                        return;
                g_free(fixture_expect_signal(fixture, value ? changed : added));
        }
}

void fixture_driver(Fixture *fixture, const char *address, const char *expected) {
        g_autofree char *driver = fake_kernel_link(fixture->kernel, "sys/bus/pci/devices/%s/driver", address);

        g_assert_cmpstr(driver, ==, expected);
}
