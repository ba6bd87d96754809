/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contract.h"
#include "rule-files.h"

#include "base/outcome.h"

#include <string.h>

/* dbus/org.vfiod1.xml is the contract: the daemon's interfaces equal it, and every member is documented. */

static GDBusNodeInfo *introspect(Fixture *fixture, const char *path) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;
        const char *xml;

        reply = fixture_call(fixture, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(&s)", &xml);

        GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(xml, &error);
        g_assert_no_error(error);
        return node;
}

/* Every member of each side exists on the other side. */
static void check_interface(Fixture *fixture, const char *path, const char *name) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();
        g_autoptr(GDBusNodeInfo) node = introspect(fixture, path);
        g_autofree char *expected = NULL, *actual = NULL;

        for (unsigned i = 0; i < interfaces->len; i++)
                if (g_strcmp0(((GDBusInterfaceInfo *)interfaces->pdata[i])->name, name) == 0)
                        expected = interface_to_text(interfaces->pdata[i]);
        GDBusInterfaceInfo *live = g_dbus_node_info_lookup_interface(node, name);
        g_assert_nonnull(live);
        actual = interface_to_text(live);
        g_assert_cmpstr(actual, ==, expected);

        /* and no other interface of vfiod */
        for (unsigned i = 0; node->interfaces[i]; i++)
                if (!g_str_has_prefix(node->interfaces[i]->name, "org.freedesktop.DBus."))
                        g_assert_cmpstr(node->interfaces[i]->name, ==, name);
}

static void test_interfaces(void) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 1);

        g_assert_cmpuint(interfaces->len, ==, 6);
        check_interface(fixture, BUS_PATH, MANAGER);
        check_interface(fixture, GROUP10, GROUP);
        check_interface(fixture, PORT1_PATH, DEVICE);
        check_interface(fixture, JOB1, JOB);
        rule_file_put(fixture, RULES_OWN, "50-absent", "[Match]\nVendor=ffff\n");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        check_interface(fixture, BUS_PATH "/rules/_350_2dabsent", RULE_INTERFACE);
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

/* The comparison detects every kind of difference. */
static void test_comparison(void) {
        static const char *const changes[][2] = {
                        {"name=\"ListGroups\"", "name=\"ListGroup\""},
                        {"name=\"groups\"", "name=\"list\""},
                        {"type=\"a(iosbassa{sv})\"", "type=\"a(iosbassa{ss})\""},
                        {"direction=\"in\"", "direction=\"out\""},
                        {"value=\"const\"", "value=\"false\""},
                        {"access=\"read\"", "access=\"readwrite\""},
                        {"<annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
                         "value=\"invalidates\"/>",
                                        ""},
        };
        g_autofree char *text = contract_read();
        g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(text, NULL);
        g_autofree char *expected = interface_to_text(g_dbus_node_info_lookup_interface(node, MANAGER));

        for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
                g_autoptr(GString) changed = g_string_new(text);

                g_assert_cmpuint(g_string_replace(changed, changes[i][0], changes[i][1], 1), ==, 1);
                g_autoptr(GDBusNodeInfo) other = g_dbus_node_info_new_for_xml(changed->str, NULL);
                g_autofree char *actual = interface_to_text(g_dbus_node_info_lookup_interface(other, MANAGER));
                g_assert_cmpstr(actual, !=, expected);
        }
}

/* The number of jobs in the tree. */
static unsigned count_jobs(Fixture *fixture) {
        g_autoptr(GDBusNodeInfo) jobs = introspect(fixture, BUS_PATH "/jobs");
        unsigned n = 0;

        while (jobs->nodes && jobs->nodes[n])
                n++;
        return n;
}

/* A job has its object while it is running, at one path only. */
static void check_jobs(Fixture *fixture) {
        static const char *const others[] = {"01", "0", "2", "1x", "1/x", "18446744073709551617", "-1"};

        g_assert_cmpuint(count_jobs(fixture), ==, 0);
        Pending *pending = fixture_detach_stalled(fixture, 1);
        g_assert_cmpuint(count_jobs(fixture), ==, 1);
        fixture_property(fixture, JOB1, JOB, "Number", "1");
        for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
                g_autofree char *path = g_strconcat(BUS_PATH "/jobs/", others[i], NULL);

                if (g_variant_is_object_path(path))
                        fixture_refused(fixture, path, JOB, "Cancel", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        }
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        g_assert_cmpuint(count_jobs(fixture), ==, 0);
        fixture_refused(fixture, JOB1, JOB, "Cancel", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
}

/* The objects below the root are those of the lists. */
static void test_tree(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GDBusNodeInfo) root = introspect(fixture, BUS_PATH);
        g_autoptr(GDBusNodeInfo) groups = introspect(fixture, BUS_PATH "/groups");
        g_autoptr(GDBusNodeInfo) devices = introspect(fixture, BUS_PATH "/devices");
        unsigned n_groups = 0, n_devices = 0, n_below = 0;

        for (; root->nodes && root->nodes[n_below]; n_below++)
                g_assert_true(g_str_equal(root->nodes[n_below]->path, "groups") ||
                                g_str_equal(root->nodes[n_below]->path, "devices") ||
                                g_str_equal(root->nodes[n_below]->path, "jobs") ||
                                g_str_equal(root->nodes[n_below]->path, "leases") ||
                                g_str_equal(root->nodes[n_below]->path, "rules"));
        g_assert_cmpuint(n_below, ==, 5);
        while (groups->nodes[n_groups])
                n_groups++;
        while (devices->nodes[n_devices])
                n_devices++;
        g_assert_cmpuint(n_groups, ==, 16);
        g_assert_cmpuint(n_devices, ==, 21);
        fixture_refused(fixture, BUS_PATH "/groups/8", GROUP, "Detach", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        fixture_refused(fixture, BUS_PATH "/groups/010", GROUP, "Detach", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        fixture_refused(fixture, BUS_PATH "/groups/10/x", GROUP, "Detach", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        fixture_refused(fixture, BUS_PATH "/devices/ens1", DEVICE, "Detach", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        /* another form of the same address */
        fixture_refused(fixture, BUS_PATH "/devices/_30000_3a03_3a01_2e_30", DEVICE, "Detach", "(" NO_OPTIONS ",)",
                        UNKNOWN_OBJECT, "*");
        check_jobs(fixture);
        fixture_stop(fixture);
}

/* GetManagedObjects has each object with each property of the contract, with the right type. */
static void test_object_manager(void) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = fixture_detach_stalled(fixture, 1);
        g_autoptr(GVariant) reply = NULL, objects = NULL;
        g_autoptr(GError) error = NULL;
        unsigned n_found = 0;
        GVariantIter iterator;
        const char *path;
        GVariant *object;

        reply = fixture_call(fixture, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, &error);
        g_assert_no_error(error);
        objects = g_variant_get_child_value(reply, 0);
        g_variant_iter_init(&iterator, objects);
        while (g_variant_iter_loop(&iterator, "{&o@a{sa{sv}}}", &path, &object))
                for (unsigned i = 0; i < interfaces->len; i++) {
                        const GDBusInterfaceInfo *interface = interfaces->pdata[i];
                        g_autoptr(GVariant) properties =
                                        g_variant_lookup_value(object, interface->name, G_VARIANT_TYPE_VARDICT);

                        if (!properties)
                                continue;
                        n_found++;
                        for (unsigned p = 0; interface->properties[p]; p++) {
                                g_autoptr(GVariant) value =
                                                g_variant_lookup_value(properties, interface->properties[p]->name,
                                                                G_VARIANT_TYPE(interface->properties[p]->signature));
                                if (!value)
                                        g_error("%s has no %s", path, interface->properties[p]->name);
                        }
                }
        g_assert_cmpuint(n_found, ==, 16 + 21 + 1);
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

/* The names that a doc comment describes: the words before its colon. */
typedef struct Documentation {
        char **names;
        unsigned n_members;
} Documentation;

static void on_element(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                void *userdata, GError **error) {
        bool documented = g_str_equal(element, "interface") || g_str_equal(element, "method") ||
                        g_str_equal(element, "property") || g_str_equal(element, "signal");
        Documentation *documentation = userdata;

        (void)context, (void)error;
        for (unsigned i = 0; documented && names[i]; i++) {
                if (!g_str_equal(names[i], "name"))
                        continue;
                const char *dot = strrchr(values[i], '.');
                const char *name = dot ? dot + 1 : values[i];
                if (!documentation->names || !g_strv_contains((const char *const *)documentation->names, name))
                        g_error("%s %s has no doc comment", element, values[i]);
                documentation->n_members++;
        }
        /* A doc comment belongs to the element that contains it. */
        if (g_str_equal(element, "interface") || g_str_equal(element, "node"))
                g_clear_pointer(&documentation->names, g_strfreev);
}

static void on_comment(GMarkupParseContext *context, const char *text, size_t length, void *userdata, GError **error) {
        g_autofree char *comment = g_strndup(text, length);
        Documentation *documentation = userdata;
        char *colon = strchr(comment, ':');

        (void)context, (void)error;
        g_clear_pointer(&documentation->names, g_strfreev);
        if (!g_str_has_prefix(comment, "<!-- ") || !colon || strlen(colon) < strlen(": x. -->"))
                return;
        *colon = '\0';
        documentation->names = g_strsplit(comment + strlen("<!-- "), ", ", -1);
}

static void test_documented(void) {
        static const GMarkupParser parser = {.start_element = on_element, .passthrough = on_comment};
        g_autoptr(GPtrArray) interfaces = contract_interfaces();
        g_autofree char *text = contract_read();
        Documentation documentation = {};
        g_autoptr(GError) error = NULL;
        unsigned n_members = 0;

        g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, &documentation, NULL);
        (void)g_markup_parse_context_parse(context, text, -1, &error);
        g_assert_no_error(error);
        (void)g_markup_parse_context_end_parse(context, &error);
        g_assert_no_error(error);
        g_strfreev(documentation.names);

        for (unsigned i = 0; i < interfaces->len; i++) {
                const GDBusInterfaceInfo *interface = interfaces->pdata[i];

                n_members++;
                for (unsigned m = 0; interface->methods && interface->methods[m]; m++)
                        n_members++;
                for (unsigned s = 0; interface->signals && interface->signals[s]; s++)
                        n_members++;
                for (unsigned p = 0; interface->properties && interface->properties[p]; p++)
                        n_members++;
        }
        g_assert_cmpuint(documentation.n_members, ==, n_members);
}

/* Each outcome that a client can get is listed, and each listed outcome can occur. */
static void test_errors(void) {
        g_auto(GStrv) errors = contract_errors();

        for (unsigned i = 0; errors[i]; i++) {
                bool known = false;

                for (Outcome outcome = 0; outcome < _OUTCOME_MAX; outcome++)
                        known = known || g_str_equal(errors[i], outcome_to_string(outcome));
                if (!known)
                        g_error("the contract lists %s, which is no outcome", errors[i]);
        }
        for (Outcome outcome = 0; outcome < _OUTCOME_MAX; outcome++) {
                /* success, and an outcome for which D-Bus has its own name */
                if (outcome == OUTCOME_DONE || outcome == OUTCOME_INVALID_SELECTOR)
                        continue;
                if (!g_strv_contains((const char *const *)errors, outcome_to_string(outcome)))
                        g_error("the contract does not list %s", outcome_to_string(outcome));
        }
}

/* Each struct in a signature ends in a{sv}, so that rows can get more fields. A single "{sv}" is a dictionary entry. */
static void check_rows(const char *where, const char *signature) {
        for (const char *end = strchr(signature, ')'); end; end = strchr(end + 1, ')'))
                if (end - signature < (long)strlen("(a{sv}") ||
                                strncmp(end - strlen("a{sv}"), "a{sv}", strlen("a{sv}")) != 0)
                        g_error("%s: a row of %s cannot grow", where, signature);
}

static void check_arguments(const char *method, GDBusArgInfo *const *arguments) {
        for (; arguments && *arguments; arguments++)
                check_rows(method, (*arguments)->signature);
}

/* A property that is named after a kind of object is an object path, not a number or an id. A name ends in Number if
 * the value is a number. The number of an IOMMU group is signed: -1 is "none". */
static void check_property(const char *interface, const GDBusPropertyInfo *property) {
        static const char *const kinds[] = {"Device", "Group", "Job", NULL};
        static const char *const plurals[] = {"Devices", "Groups", "Jobs", NULL};
        const char *type = property->signature;
        bool group_number = g_str_equal(property->name, "GroupNumber") ||
                        (g_str_equal(interface, GROUP) && g_str_equal(property->name, "Number"));

        check_rows(property->name, type);
        if (g_strv_contains(kinds, property->name) && !g_str_equal(type, "o"))
                g_error("%s.%s is named like an object, but its type is '%s'", interface, property->name, type);
        if (g_strv_contains(plurals, property->name) && !g_str_equal(type, "ao"))
                g_error("%s.%s is named like objects, but its type is '%s'", interface, property->name, type);
        if (group_number && !g_str_equal(type, "i"))
                g_error("%s.%s is the number of a group, but its type is '%s'", interface, property->name, type);
        if (g_str_equal(type, "q") && !g_str_has_suffix(property->name, "Id"))
                g_error("%s.%s is an id of 16 bits, but its name does not end in Id", interface, property->name);
}

/* A method that changes something ends in options, so that it can get more options. */
static void check_options(const GDBusMethodInfo *method) {
        static const char *const readers[] = {"ListGroups", "ListDevices", "ListJobs", "ListLeases", "ListRules",
                        "GetGroup", "GetDevice", "CheckRule", NULL};
        const char *last = NULL;

        for (unsigned i = 0; method->in_args && method->in_args[i]; i++)
                last = method->in_args[i]->signature;
        if (!g_strv_contains(readers, method->name) && g_strcmp0(last, "a{sv}") != 0)
                g_error("%s has no options", method->name);
}

static void test_conventions(void) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();

        for (unsigned i = 0; i < interfaces->len; i++) {
                const GDBusInterfaceInfo *interface = interfaces->pdata[i];

                for (unsigned m = 0; interface->methods && interface->methods[m]; m++) {
                        check_arguments(interface->methods[m]->name, interface->methods[m]->out_args);
                        check_options(interface->methods[m]);
                }
                for (unsigned s = 0; interface->signals && interface->signals[s]; s++)
                        check_arguments(interface->signals[s]->name, interface->signals[s]->args);
                for (unsigned p = 0; interface->properties && interface->properties[p]; p++)
                        check_property(interface->name, interface->properties[p]);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/introspection/interfaces", test_interfaces);
        g_test_add_func("/bus/introspection/comparison", test_comparison);
        g_test_add_func("/bus/introspection/tree", test_tree);
        g_test_add_func("/bus/introspection/object-manager", test_object_manager);
        g_test_add_func("/bus/introspection/documented", test_documented);
        g_test_add_func("/bus/introspection/errors", test_errors);
        g_test_add_func("/bus/introspection/conventions", test_conventions);
        return g_test_run();
}
