/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mirror.h"

#include "json-value.h"

#include "daemon/base/util.h"

#include <ctype.h>

#define INTERFACE_PREFIX "org.vfiod1."

struct Mirror {
        json_t *objects; /* {path: {"kind": ..., "properties": ...}} */
};

/* A handler and its userdata. */
typedef struct Listener {
        mirror_handler_t handler;
        void *userdata;
} Listener;

int mirror_new(Mirror **ret) {
        Mirror *mirror = calloc(1, sizeof(Mirror));

        if (!mirror)
                return -ENOMEM;
        mirror->objects = json_object();
        if (!mirror->objects) {
                free(mirror);
                return -ENOMEM;
        }
        *ret = mirror;
        return 0;
}

void mirror_free(Mirror *mirror) {
        if (!mirror)
                return;
        json_decref(mirror->objects);
        free(mirror);
}

json_t *mirror_get_all(const Mirror *mirror) {
        return mirror->objects;
}

json_t *mirror_find(const Mirror *mirror, const char *path) {
        return json_object_get(json_object_get(mirror->objects, path), "properties");
}

size_t mirror_count(const Mirror *mirror, const char *kind) {
        const char *path;
        json_t *object;
        size_t n = 0;

        json_object_foreach(mirror->objects, path, object)
                n += streq_ptr(json_string_value(json_object_get(object, "kind")), kind);
        return n;
}

static int tell(const Listener *listener, const MirrorChange *change) {
        return listener->handler ? listener->handler(change, listener->userdata) : 0;
}

/* Makes "device" from "org.vfiod1.Device"; the text is the caller's to free. Gets NULL for an interface that is
 * not vfiod's. */
static int kind_of(const char *interface, char **ret) {
        const char *name = startswith(interface, INTERFACE_PREFIX);

        if (!name) {
                *ret = NULL;
                return 0;
        }
        char *kind = strdup(name);
        if (!kind)
                return -ENOMEM;
        for (char *c = kind; *c; c++)
                *c = (char)tolower((unsigned char)*c);
        *ret = kind;
        return 0;
}

/* Stores new values of an object's properties, and tells the listener about those that have changed. */
static int update(const char *path, json_t *entry, json_t *values, const Listener *listener) {
        json_auto_t *before = json_object(), *after = json_object();
        json_t *properties = json_object_get(entry, "properties"), *value;
        const char *name;

        if (!before || !after)
                return -ENOMEM;
        json_object_foreach(values, name, value) {
                json_t *old = json_object_get(properties, name);

                if (old && json_equal(old, value))
                        continue;
                if (json_object_set_new(before, name, old ? json_incref(old) : json_null()) < 0 ||
                                json_object_set(after, name, value) < 0)
                        return -ENOMEM;
        }
        if (json_object_size(after) == 0)
                return 0;
        if (json_object_update(properties, after) < 0)
                return -ENOMEM;
        return tell(listener,
                        &(MirrorChange){
                                        .event = MIRROR_CHANGED,
                                        .path = path,
                                        .kind = json_string_value(json_object_get(entry, "kind")),
                                        .object = properties,
                                        .properties = after,
                                        .before = before,
                        });
}

/* Stores an object with all its properties. Tells the listener that it was added; or, if it was known, what has
 * changed. */
static int put(Mirror *mirror, const char *path, const char *kind, json_t *values, const Listener *listener) {
        json_t *entry = json_object_get(mirror->objects, path);
        json_auto_t *none = NULL, *copy = NULL;

        if (entry)
                return update(path, entry, values, listener);
        none = json_object();
        copy = json_copy(values);
        entry = json_pack("{s:s, s:O}", "kind", kind, "properties", copy);
        if (!none || !copy || !entry || json_object_set_new(mirror->objects, path, entry) < 0)
                return -ENOMEM;
        return tell(listener, &(MirrorChange){MIRROR_ADDED, path, kind, copy, values, none});
}

static int drop(Mirror *mirror, const char *path, const Listener *listener) {
        json_auto_t *none = json_object(), *entry = json_incref(json_object_get(mirror->objects, path));

        if (!entry)
                return 0;
        if (!none)
                return -ENOMEM;
        (void)json_object_del(mirror->objects, path);
        return tell(listener,
                        &(MirrorChange){
                                        .event = MIRROR_REMOVED,
                                        .path = path,
                                        .kind = json_string_value(json_object_get(entry, "kind")),
                                        .object = json_object_get(entry, "properties"),
                                        .properties = none,
                                        .before = none,
                        });
}

void mirror_forget(Mirror *mirror, const char *path) {
        (void)json_object_del(mirror->objects, path);
}

/* Stores one object, from {interface: {property: value}}. */
static int put_interfaces(Mirror *mirror, const char *path, json_t *interfaces, const Listener *listener) {
        const char *interface;
        json_t *values;
        int r = 0;

        json_object_foreach(interfaces, interface, values) {
                _cleanup_free_ char *kind = NULL;

                if ((r = kind_of(interface, &kind)) < 0)
                        return r;
                if (kind && (r = put(mirror, path, kind, values, listener)) < 0)
                        return r;
        }
        return 0;
}

/* Drops the objects that vfiod no longer has. The manager stays: the list of objects does not include it. */
static int drop_others(Mirror *mirror, json_t *objects, const Listener *listener) {
        const char *path;
        json_t *entry;
        void *next;
        int r;

        json_object_foreach_safe(mirror->objects, next, path, entry) {
                _cleanup_free_ char *copy = NULL;

                if (json_object_get(objects, path) ||
                                streq_ptr(json_string_value(json_object_get(entry, "kind")), "manager"))
                        continue;
                copy = strdup(path); /* the entry owns the key, and is about to be freed */
                if (!copy)
                        return -ENOMEM;
                if ((r = drop(mirror, copy, listener)) < 0)
                        return r;
        }
        return 0;
}

int mirror_load(Mirror *mirror, sd_bus_message *reply, mirror_handler_t handler, void *userdata) {
        Listener listener = {handler, userdata};
        json_auto_t *objects = NULL;
        const char *path;
        json_t *interfaces;

        int r = json_value_read(reply, &objects);
        if (r < 0)
                return r;
        if (!json_is_object(objects))
                return -EBADMSG;
        if ((r = drop_others(mirror, objects, &listener)) < 0)
                return r;
        json_object_foreach(objects, path, interfaces)
                if ((r = put_interfaces(mirror, path, interfaces, &listener)) < 0)
                        return r;
        return 0;
}

int mirror_load_object(Mirror *mirror, const char *path, const char *interface, sd_bus_message *reply,
                mirror_handler_t handler, void *userdata) {
        Listener listener = {handler, userdata};
        json_auto_t *values = NULL;
        _cleanup_free_ char *kind = NULL;

        int r = json_value_read(reply, &values);
        if (r >= 0)
                r = kind_of(interface, &kind);
        if (r < 0)
                return r;
        return json_is_object(values) && kind ? put(mirror, path, kind, values, &listener) : -EBADMSG;
}

static int take_added(Mirror *mirror, sd_bus_message *signal, const Listener *listener) {
        json_auto_t *interfaces = NULL;
        const char *path;
        int r;

        if ((r = sd_bus_message_read_basic(signal, 'o', &path)) < 0 || (r = json_value_read(signal, &interfaces)) < 0)
                return r;
        return put_interfaces(mirror, path, interfaces, listener);
}

static int take_removed(Mirror *mirror, sd_bus_message *signal, const Listener *listener) {
        json_auto_t *interfaces = NULL;
        const char *path;
        json_t *interface;
        size_t i;
        int r;

        if ((r = sd_bus_message_read_basic(signal, 'o', &path)) < 0 || (r = json_value_read(signal, &interfaces)) < 0)
                return r;
        json_array_foreach(interfaces, i, interface)
                if (startswith(json_string_value(interface), INTERFACE_PREFIX))
                        return drop(mirror, path, listener);
        return 0;
}

static int take_changed(Mirror *mirror, sd_bus_message *signal, const Listener *listener) {
        const char *path = sd_bus_message_get_path(signal), *interface;
        json_t *entry = json_object_get(mirror->objects, path);
        json_auto_t *values = NULL;
        int r;

        if ((r = sd_bus_message_read_basic(signal, 's', &interface)) < 0 || (r = json_value_read(signal, &values)) < 0)
                return r;
        return entry && startswith(interface, INTERFACE_PREFIX) ? update(path, entry, values, listener) : 0;
}

int mirror_take_signal(Mirror *mirror, sd_bus_message *signal, mirror_handler_t handler, void *userdata) {
        Listener listener = {handler, userdata};

        if (sd_bus_message_is_signal(signal, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded"))
                return take_added(mirror, signal, &listener);
        if (sd_bus_message_is_signal(signal, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved"))
                return take_removed(mirror, signal, &listener);
        if (sd_bus_message_is_signal(signal, "org.freedesktop.DBus.Properties", "PropertiesChanged"))
                return take_changed(mirror, signal, &listener);
        return 0;
}
