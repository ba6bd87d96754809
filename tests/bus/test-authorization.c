/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contract.h"
#include "lessee.h"
#include "rule-files.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

/* Everybody may read. Without polkit, only root may change something. The daemon enforces this, because the shipped bus
 * policy permits all calls to everybody. test-matrix.c has the other cases. */

#define NOBODY 65534

/* The methods that everybody may call. All other methods of the contract must be refused, including a new method
 * until it is listed here. A call that cannot be made at all is refused for this reason. */
static const char *const read_methods[] = {
                MANAGER ".ListGroups",
                MANAGER ".ListDevices",
                MANAGER ".ListJobs",
                MANAGER ".ListLeases",
                MANAGER ".ListHolders",
                MANAGER ".Diagnose",
                MANAGER ".GetFragment",
                MANAGER ".GetGroup",
                MANAGER ".GetDevice",
                MANAGER ".Plan",
                MANAGER ".ListRules",
                MANAGER ".CheckRule",
                NULL,
};

#define PF "0000:07:00.0"
#define JOB2 BUS_PATH "/jobs/2"

static const char *path_of(const char *interface) {
        return g_str_equal(interface, MANAGER)                   ? BUS_PATH
                        : g_str_equal(interface, GROUP)          ? GROUP10
                        : g_str_equal(interface, JOB)            ? JOB2
                        : g_str_equal(interface, LEASE)          ? LEASE1
                        : g_str_equal(interface, RULE_INTERFACE) ? BUS_PATH "/rules/absent"
                                                                 : PORT1_PATH;
}

/* Valid arguments, so that the call is not refused because of them. */
static GVariant *make_arguments(const GDBusMethodInfo *method) {
        GVariantBuilder builder;

        g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
        for (unsigned i = 0; method->in_args && method->in_args[i]; i++) {
                const char *signature = method->in_args[i]->signature;

                if (g_str_equal(method->in_args[i]->name, "verb"))
                        g_variant_builder_add(&builder, "s", "detach");
                else if (g_str_equal(method->in_args[i]->name, "text"))
                        g_variant_builder_add(&builder, "s", "[Match]\nVendor=ffff\n");
                else if (g_str_equal(method->in_args[i]->name, "format"))
                        g_variant_builder_add(&builder, "s", "libvirt");
                else if (g_str_equal(signature, "s"))
                        g_variant_builder_add(&builder, "s", "nvme0n1");
                else if (g_str_equal(signature, "u"))
                        g_variant_builder_add(&builder, "u", 0);
                else if (g_str_equal(signature, "b"))
                        g_variant_builder_add(&builder, "b", false);
                else if (g_str_equal(signature, "a(ssa{sv})"))
                        g_variant_builder_add_value(&builder, g_variant_new_parsed("[('x', 'mask', @a{sv} {})]"));
                else if (g_str_equal(signature, "a{sv}"))
                        g_variant_builder_add_value(&builder, g_variant_new_parsed(NO_OPTIONS));
                else
                        g_error("no argument of type %s is known here", signature);
        }
        return g_variant_builder_end(&builder);
}

/* The name of the error, and its message if wanted; NULL if the call is permitted. */
static char *call_as_nobody(GDBusConnection *connection, const char *path, const char *interface, const char *method,
                GVariant *arguments, char **ret_message) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(connection, BUS_NAME, path, interface, method,
                        arguments, NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);

        if (reply)
                return NULL;
        char *name = g_dbus_error_get_remote_error(error);
        g_assert_nonnull(name);
        (void)g_dbus_error_strip_remote_error(error);
        if (ret_message)
                *ret_message = g_strdup(error->message);
        return name;
}

/* Each method that is not listed is refused. */
static unsigned check_methods(GDBusConnection *connection, const GDBusInterfaceInfo *interface, unsigned *n_denied) {
        unsigned n_refused = 0;

        for (unsigned i = 0; interface->methods && interface->methods[i]; i++) {
                const GDBusMethodInfo *method = interface->methods[i];
                g_autofree char *member = g_strdup_printf("%s.%s", interface->name, method->name), *message = NULL;
                bool reads = g_strv_contains(read_methods, member);
                g_autofree char *error = call_as_nobody(connection, path_of(interface->name), interface->name,
                                method->name, make_arguments(method), &message);

                bool denied = g_strcmp0(error, ACCESS_DENIED) == 0;

                if (reads != !error || (error && !denied && !g_str_has_prefix(error, BUS_NAME ".Error.")))
                        g_error("%s by nobody: %s", member, error ?: "is let through");
                if (denied && !g_str_has_prefix(message, "Only root may call"))
                        g_error("%s by nobody is denied by the wrong side: %s", member, message);
                n_refused += !reads;
                *n_denied += denied;
        }
        return n_refused;
}

static void expect_open(GDBusConnection *connection, const char *path, const char *interface, const char *method,
                GVariant *arguments) {
        g_autofree char *error = call_as_nobody(connection, path, interface, method, arguments, NULL);

        if (error)
                g_error("%s.%s of %s by nobody: %s", interface, method, path, error);
}

static void check_reading(GDBusConnection *connection, const GDBusInterfaceInfo *interface) {
        const char *path = path_of(interface->name);

        expect_open(connection, path, PROPERTIES, "GetAll", g_variant_new("(s)", interface->name));
        for (unsigned i = 0; interface->properties && interface->properties[i]; i++)
                expect_open(connection, path, PROPERTIES, "Get",
                                g_variant_new("(ss)", interface->name, interface->properties[i]->name));
        expect_open(connection, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
        expect_open(connection, path, "org.freedesktop.DBus.Peer", "Ping", NULL);
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *member, GVariant *arguments, void *userdata) {
        (void)connection, (void)sender, (void)path, (void)interface, (void)member, (void)arguments;
        *(bool *)userdata = true;
}

/* Runs in a separate process, which becomes nobody. */
static void run_as_nobody(void) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();
        unsigned n_refused = 0, n_denied = 0;

        if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
                g_error("cannot become nobody: %s", g_strerror(errno));
        GDBusConnection *connection = private_bus_connect();

        for (unsigned i = 0; i < interfaces->len; i++) {
                check_reading(connection, interfaces->pdata[i]);
                n_refused += check_methods(connection, interfaces->pdata[i], &n_denied);
        }
        g_assert_cmpuint(n_refused, ==, 25);
        g_assert_cmpuint(n_denied, >=, 5);
        expect_open(connection, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL);
        g_autofree char *set = call_as_nobody(connection, BUS_PATH, PROPERTIES, "Set",
                        g_variant_new("(ssv)", MANAGER, "Version", g_variant_new_string("9")), NULL);
        g_assert_nonnull(set);

        /* Nobody receives signals. The test causes a change below. */
        bool heard = false;
        (void)g_dbus_connection_signal_subscribe(connection, BUS_NAME, PROPERTIES, "PropertiesChanged", PORT1_PATH,
                        NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, &heard, NULL);
        expect_open(connection, BUS_PATH, "org.freedesktop.DBus.Peer", "Ping", NULL);
        g_print("listening\n");
        while (!heard)
                (void)g_main_context_iteration(NULL, true);
        g_object_unref(connection);
}

/* Runs this program again with the option that makes it nobody. */
static void check_as_nobody(bool permissive_bus) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.permissive_bus = permissive_bus});
        g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
        const char *const argv[] = {program, "--as-nobody", NULL};

        /* a rule, a lease and a job of root exist meanwhile */
        rule_file_put(fixture, RULES_OWN, "absent", "[Match]\nVendor=ffff\n");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        g_autofree char *ticket = lessee_start(fixture, PF, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        Pending *pending = fixture_detach_stalled(fixture, 1);
        fake_kernel_do(fixture->kernel, "reset-writes");
        Process *nobody = process_start(argv, NULL);
        process_expect_line(nobody, "listening");
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " lan0");
        g_assert_cmpint(process_finish(nobody), ==, 0);

        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        /* the same rules permit root's calls */
        fixture_cancel(fixture, JOB2);
        fake_kernel_do(fixture->kernel, "resume");
        pending_refused(pending, "Cancelled", "*");
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        (void)close(guard);
        fixture_stop(fixture);
}

static void test_shipped_policy(void) {
        check_as_nobody(false);
}

static void test_daemon_itself(void) {
        check_as_nobody(true);
}

/* Only root may own the name. */
static void test_name(void) {
        PrivateBus *bus = private_bus_start(true);
        const char *const argv[] = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl", "call",
                        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "su",
                        BUS_NAME, "0", NULL};

        g_auto(ProgramResult) as_nobody = program_run(argv, NULL, NULL);
        g_assert_cmpint(as_nobody.status, !=, 0);
        g_auto(ProgramResult) as_root = program_run(argv + 4, NULL, NULL);
        g_assert_cmpint(as_root.status, ==, 0);
        private_bus_stop(bus);
}

int main(int argc, char **argv) {
        if (argc == 2 && g_str_equal(argv[1], "--as-nobody")) {
                run_as_nobody();
                return 0;
        }
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/authorization/shipped-policy", test_shipped_policy);
        g_test_add_func("/bus/authorization/daemon-itself", test_daemon_itself);
        g_test_add_func("/bus/authorization/name", test_name);
        return g_test_run();
}
