/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib.h>

#include "bus/publish.h"
#include "bus/registration.h"

/* The table of methods, options and actions: what has no entry cannot be registered on the bus. */

static int method(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        (void)message, (void)userdata, (void)error;
        return 0;
}

static int getter(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                void *userdata, sd_bus_error *error) {
        (void)bus, (void)path, (void)interface, (void)property, (void)reply, (void)userdata, (void)error;
        return 0;
}

static int setter(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *value,
                void *userdata, sd_bus_error *error) {
        (void)bus, (void)path, (void)interface, (void)property, (void)value, (void)userdata, (void)error;
        return 0;
}

static const sd_bus_vtable two_methods[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Read", "", "", method, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Change", "a{sv}", "", method, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("State", "s", getter, 0, 0),
                SD_BUS_SIGNAL("Changed", "", 0),
                SD_BUS_VTABLE_END,
};

static const sd_bus_vtable writable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_WRITABLE_PROPERTY("State", "s", getter, setter, 0, 0),
                SD_BUS_VTABLE_END,
};

static void test_shipped(void) {
        static const struct {
                const char *interface;
                const sd_bus_vtable *vtable;
        } shipped[] = {
                        {BUS_INTERFACE_MANAGER, manager_vtable},
                        {BUS_INTERFACE_GROUP, group_vtable},
                        {BUS_INTERFACE_DEVICE, device_vtable},
                        {BUS_INTERFACE_JOB, job_vtable},
                        {BUS_INTERFACE_LEASE, lease_vtable},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(shipped); i++)
                g_assert_cmpint(registration_check(action_table, shipped[i].interface, shipped[i].vtable), ==, 0);
}

static void test_missing(void) {
        static const OptionAccess good[] = {{"force", ACTION_FORCE}, {"plan", ACTION_NONE}, {NULL}},
                                  unset[] = {{"force", ACTION_FORCE}, {"plan"}, {NULL}},
                                  of_owner[] = {{"force", ACTION_OWNER}, {NULL}},
                                  beyond[] = {{"force", _ACTION_MAX}, {NULL}},
                                  unreadable[] = {{"no-such-option", ACTION_NONE}, {NULL}};
        static const struct {
                MethodAccess table[3];
                int result;
        } cases[] = {
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", ACTION_DETACH, good}}, 0},
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", ACTION_OWNER}}, 0},
                        /* the method has no entry, or only in another interface */
                        {{{"a.B", "Read", ACTION_NONE}}, -ENOKEY},
                        {{{"a.B", "Read", ACTION_NONE}, {"a.C", "Change", ACTION_DETACH}}, -ENOKEY},
                        {{{NULL}}, -ENOKEY},
                        /* its entry has no action */
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change"}}, -ENOKEY},
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", _ACTION_MAX}}, -ENOKEY},
                        /* an option has none, or none that fits */
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", ACTION_DETACH, unset}}, -ENOKEY},
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", ACTION_DETACH, of_owner}}, -ENOKEY},
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", ACTION_DETACH, beyond}}, -ENOKEY},
                        {{{"a.B", "Read", ACTION_NONE}, {"a.B", "Change", ACTION_DETACH, unreadable}}, -ENOKEY},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(registration_check(cases[i].table, "a.B", two_methods), ==, cases[i].result);
        g_assert_cmpint(registration_check(cases[0].table, "a.B", writable), ==, -ENOKEY);
}

static void test_names(void) {
        g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

        for (Action action = _ACTION_FIRST_OF_POLKIT; action < _ACTION_MAX; action++) {
                g_assert_true(g_str_has_prefix(action_to_string(action), "org.vfiod1."));
                g_assert_true(g_hash_table_add(ids, (void *)action_to_string(action)));
                g_assert_true(g_str_has_prefix(action_in_words(action), "to "));
        }
        g_assert_null(action_to_string(_ACTION_UNSET));
        g_assert_null(action_to_string(ACTION_NONE));
        g_assert_null(action_to_string(ACTION_OWNER));
        g_assert_null(action_to_string(_ACTION_MAX));
        g_assert_null(action_in_words(ACTION_OWNER));
}

static void test_find(void) {
        const MethodAccess *detach = action_find(action_table, BUS_INTERFACE_GROUP, "Detach");

        g_assert_cmpint(detach->action, ==, ACTION_DETACH);
        g_assert_cmpint(action_find_option(detach, "override")->action, ==, ACTION_OVERRIDE_GUARD);
        g_assert_null(action_find_option(detach, "force"));
        g_assert_null(action_find(action_table, BUS_INTERFACE_GROUP, "Rescan"));
        g_assert_null(action_find(action_table, NULL, "Detach"));
        g_assert_null(action_find(action_table, BUS_INTERFACE_GROUP, NULL));
        g_assert_null(action_find_option(action_find(action_table, BUS_INTERFACE_MANAGER, "ListJobs"), "force"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/action/shipped", test_shipped);
        g_test_add_func("/action/missing", test_missing);
        g_test_add_func("/action/names", test_names);
        g_test_add_func("/action/find", test_find);
        return g_test_run();
}
