/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view.h"
#include "bus-text.h"

#include <string.h>

/* The properties of the Manager change without a signal. */
#define VFIOD_INTERFACES "org.vfiod1."
#define SILENT_INTERFACE "org.vfiod1.Manager"

struct View {
        GHashTable *objects; /* path -> (property -> text) */
        unsigned n_signals;
        bool is_loaded; /* before this, signals may be about unknown objects */
};

static GHashTable *object_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

View *view_new(void) {
        View *view = g_new0(View, 1);

        view->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
        return view;
}

View *view_free(View *view) {
        if (!view)
                return NULL;
        g_hash_table_unref(view->objects);
        g_free(view);
        return NULL;
}

void view_clear(View *view) {
        g_hash_table_remove_all(view->objects);
        view->is_loaded = false;
}

static bool is_followed(const char *interface) {
        return g_str_has_prefix(interface, VFIOD_INTERFACES) && !g_str_equal(interface, SILENT_INTERFACE);
}

#define MUST(call) g_assert_cmpint(call, >=, 0)

/* a{sv} */
static void read_properties(sd_bus_message *message, GHashTable *object) {
        const char *name, *contents;

        MUST(sd_bus_message_enter_container(message, 'a', "{sv}"));
        while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
                g_autoptr(GString) text = g_string_new(NULL);

                MUST(sd_bus_message_read_basic(message, 's', &name));
                MUST(sd_bus_message_peek_type(message, NULL, &contents));
                MUST(sd_bus_message_enter_container(message, 'v', contents));
                bus_text_append(message, text);
                MUST(sd_bus_message_exit_container(message));
                MUST(sd_bus_message_exit_container(message));
                if (object)
                        g_hash_table_replace(object, g_strdup(name), g_strdup(text->str));
        }
        MUST(sd_bus_message_exit_container(message));
}

/* a{sa{sv}}: returns the object, or NULL if the view has no interface of it. */
static GHashTable *read_object(sd_bus_message *message) {
        g_autoptr(GHashTable) object = object_new();
        const char *interface;
        bool followed = false;

        MUST(sd_bus_message_enter_container(message, 'a', "{sa{sv}}"));
        while (sd_bus_message_enter_container(message, 'e', "sa{sv}") > 0) {
                MUST(sd_bus_message_read_basic(message, 's', &interface));
                followed |= is_followed(interface);
                read_properties(message, is_followed(interface) ? object : NULL);
                MUST(sd_bus_message_exit_container(message));
        }
        MUST(sd_bus_message_exit_container(message));
        return followed ? g_steal_pointer(&object) : NULL;
}

static void put_object(View *view, const char *path, GHashTable *object) {
        if (object)
                g_hash_table_replace(view->objects, g_strdup(path), object);
}

void view_load(View *view, sd_bus_message *reply) {
        const char *path;

        view_clear(view);
        view->is_loaded = true;
        MUST(sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}"));
        while (sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
                MUST(sd_bus_message_read_basic(reply, 'o', &path));
                put_object(view, path, read_object(reply));
                MUST(sd_bus_message_exit_container(reply));
        }
        MUST(sd_bus_message_exit_container(reply));
}

static void follow_changed(View *view, sd_bus_message *signal) {
        const char *path = sd_bus_message_get_path(signal), *interface;
        g_autoptr(GString) invalidated = g_string_new(NULL);
        GHashTable *object = g_hash_table_lookup(view->objects, path);

        MUST(sd_bus_message_read_basic(signal, 's', &interface));
        if (!is_followed(interface))
                return;
        if (!object)
                g_error("a signal says that %s has changed, but it does not exist", path);
        read_properties(signal, object);
        bus_text_append(signal, invalidated);
        g_assert_cmpstr(invalidated->str, ==, "");
}

void view_follow(View *view, sd_bus_message *signal) {
        const char *path;

        view->n_signals++;
        if (!view->is_loaded)
                return;
        if (sd_bus_message_is_signal(signal, "org.freedesktop.DBus.Properties", "PropertiesChanged")) {
                follow_changed(view, signal);
        } else if (sd_bus_message_is_signal(signal, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded")) {
                MUST(sd_bus_message_read_basic(signal, 'o', &path));
                if (view_has(view, path))
                        g_error("a signal says that %s was added, but it existed already", path);
                put_object(view, path, read_object(signal));
        } else if (sd_bus_message_is_signal(signal, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")) {
                MUST(sd_bus_message_read_basic(signal, 'o', &path));
                if (!g_hash_table_remove(view->objects, path))
                        g_error("a signal says that %s was removed, but it did not exist", path);
        }
}

unsigned view_count_signals(const View *view) {
        return view->n_signals;
}

const char *view_get(View *view, const char *path, const char *property) {
        GHashTable *object = g_hash_table_lookup(view->objects, path);

        return object ? g_hash_table_lookup(object, property) : NULL;
}

bool view_has(View *view, const char *path) {
        return g_hash_table_contains(view->objects, path);
}

static GList *sorted_keys(GHashTable *table) {
        return g_list_sort(g_hash_table_get_keys(table), (GCompareFunc)strcmp);
}

GList *view_list(View *view, const char *prefix) {
        GList *list = sorted_keys(view->objects);

        for (GList *i = list, *next; i; i = next) {
                next = i->next;
                if (!g_str_has_prefix(i->data, prefix))
                        list = g_list_delete_link(list, i);
        }
        return list;
}

char *view_to_text(View *view) {
        GString *text = g_string_new(NULL);
        g_autoptr(GList) paths = sorted_keys(view->objects);

        for (GList *i = paths; i; i = i->next) {
                GHashTable *object = g_hash_table_lookup(view->objects, i->data);
                g_autoptr(GList) properties = sorted_keys(object);

                for (GList *k = properties; k; k = k->next)
                        g_string_append_printf(text, "%s %s=%s\n", (char *)i->data, (char *)k->data,
                                        (char *)g_hash_table_lookup(object, k->data));
        }
        return g_string_free(text, FALSE);
}
