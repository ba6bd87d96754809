/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "signal-mirror.h"

struct SignalMirror {
        Fixture *fixture;
        GHashTable *properties; /* "PATH INTERFACE NAME" -> text; with an empty name for the interface itself */
        unsigned subscription;
};

static void put(GHashTable *table, const char *path, const char *interface, const char *name, GVariant *value) {
        (void)g_hash_table_insert(table, g_strdup_printf("%s %s %s", path, interface, name),
                        value ? g_variant_print(value, false) : g_strdup(""));
}

static void put_properties(GHashTable *table, const char *path, const char *interface, GVariant *properties) {
        GVariantIter iter;
        GVariant *value;
        const char *name;

        g_variant_iter_init(&iter, properties);
        while (g_variant_iter_loop(&iter, "{&sv}", &name, &value))
                if (!g_str_has_prefix(name, "Iommu")) /* their signals have no values */
                        put(table, path, interface, name, value);
}

static void put_interfaces(GHashTable *table, const char *path, GVariant *interfaces) {
        GVariantIter iter;
        GVariant *properties;
        const char *interface;

        g_variant_iter_init(&iter, interfaces);
        while (g_variant_iter_loop(&iter, "{&s@a{sv}}", &interface, &properties))
                if (g_str_has_prefix(interface, BUS_NAME)) { /* not the interfaces that every object has */
                        put(table, path, interface, "", NULL);
                        put_properties(table, path, interface, properties);
                }
}

/* An added object must not exist already. */
static void on_added(SignalMirror *mirror, GVariant *arguments) {
        g_autoptr(GVariant) interfaces = NULL;
        GVariantIter iter;
        const char *path, *interface;

        g_variant_get(arguments, "(&o@a{sa{sv}})", &path, &interfaces);
        g_variant_iter_init(&iter, interfaces);
        while (g_variant_iter_loop(&iter, "{&s@a{sv}}", &interface, NULL)) {
                g_autofree char *key = g_strdup_printf("%s %s ", path, interface);

                if (g_hash_table_contains(mirror->properties, key))
                        g_error("%s of %s is added, but it existed already", interface, path);
        }
        put_interfaces(mirror->properties, path, interfaces);
}

static gboolean has_prefix(void *key, void *value, void *prefix) {
        (void)value;
        return g_str_has_prefix(key, prefix);
}

static void on_removed(SignalMirror *mirror, GVariant *arguments) {
        g_autofree const char **interfaces = NULL;
        const char *path;

        g_variant_get(arguments, "(&o^a&s)", &path, &interfaces);
        for (unsigned i = 0; interfaces[i]; i++) {
                g_autofree char *prefix = g_strdup_printf("%s %s ", path, interfaces[i]);

                if (g_hash_table_foreach_remove(mirror->properties, has_prefix, prefix) == 0)
                        g_error("%s of %s is removed, but it did not exist", interfaces[i], path);
        }
}

static void on_changed(SignalMirror *mirror, const char *path, GVariant *arguments) {
        g_autoptr(GVariant) properties = NULL;
        g_autofree const char **invalidated = NULL;
        const char *interface;

        g_variant_get(arguments, "(&s@a{sv}^a&s)", &interface, &properties, &invalidated);
        for (const char **name = invalidated; *name; name++)
                if (!g_str_has_prefix(*name, "Iommu"))
                        g_error("%s of %s changes without a value", *name, path);
        g_autofree char *key = g_strdup_printf("%s %s ", path, interface);
        if (!g_hash_table_contains(mirror->properties, key))
                g_error("%s of %s changes, but it does not exist", interface, path);
        put_properties(mirror->properties, path, interface, properties);
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *member, GVariant *arguments, void *userdata) {
        SignalMirror *mirror = userdata;

        (void)connection, (void)sender, (void)interface;
        if (g_str_equal(member, "InterfacesAdded"))
                on_added(mirror, arguments);
        else if (g_str_equal(member, "InterfacesRemoved"))
                on_removed(mirror, arguments);
        else if (g_str_equal(member, "PropertiesChanged"))
                on_changed(mirror, path, arguments);
}

static GHashTable *table_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* Everything that a client can ask for: the objects, and the properties of the Manager. */
static void ask(Fixture *fixture, GHashTable *table) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) objects_reply =
                        fixture_call(fixture, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) manager_reply =
                        fixture_call(fixture, BUS_PATH, PROPERTIES, "GetAll", "('" MANAGER "',)", &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) objects = g_variant_get_child_value(objects_reply, 0),
                            manager = g_variant_get_child_value(manager_reply, 0);
        GVariantIter iter;
        GVariant *interfaces;
        const char *path;

        g_variant_iter_init(&iter, objects);
        while (g_variant_iter_loop(&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
                put_interfaces(table, path, interfaces);
        put(table, BUS_PATH, MANAGER, "", NULL);
        put_properties(table, BUS_PATH, MANAGER, manager);
}

/* A client that subscribes before it asks misses nothing; it may only be told something twice. */
SignalMirror *signal_mirror_new(Fixture *fixture) {
        SignalMirror *mirror = g_new0(SignalMirror, 1);

        mirror->fixture = fixture;
        mirror->properties = table_new();
        ask(fixture, mirror->properties);
        mirror->subscription = g_dbus_connection_signal_subscribe(fixture->connection, BUS_NAME, NULL, NULL, NULL, NULL,
                        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, mirror, NULL);
        return mirror;
}

void signal_mirror_free(SignalMirror *mirror) {
        g_dbus_connection_signal_unsubscribe(mirror->fixture->connection, mirror->subscription);
        g_hash_table_unref(mirror->properties);
        g_free(mirror);
}

static char *table_to_text(GHashTable *table) {
        g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);
        GString *text = g_string_new(NULL);

        for (GList *i = keys; i; i = i->next)
                g_string_append_printf(text, "%s %s\n", (char *)i->data, (char *)g_hash_table_lookup(table, i->data));
        return g_string_free(text, FALSE);
}

/* The differences, NULL for none. */
static char *compare(SignalMirror *mirror) {
        g_autoptr(GHashTable) table = table_new();

        ask(mirror->fixture, table);
        while (g_main_context_iteration(NULL, false))
                ;
        g_autofree char *expected = table_to_text(table), *found = table_to_text(mirror->properties);
        if (g_str_equal(found, expected))
                return NULL;
        size_t same = 0, line = 0;
        for (; found[same] == expected[same]; same++)
                if (found[same] == '\n')
                        line = same + 1;
        return g_strdup_printf("told: %.*s; is: %.*s", (int)strcspn(found + line, "\n"), found + line,
                        (int)strcspn(expected + line, "\n"), expected + line);
}

void signal_mirror_check(SignalMirror *mirror) {
        gint64 end = g_get_monotonic_time() + (gint64)DEADLINE_MS * 1000;
        char *difference;

        while ((difference = compare(mirror))) {
                if (g_get_monotonic_time() > end)
                        g_error("%s", difference);
                g_free(difference);
        }
}
