/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

/* A copy of vfiod's objects: it is loaded once, and then updated by signals. The properties of an object are a
 * JSON object of names and values. Each object has one interface of vfiod. The kind of the object is the last part
 * of the interface's name in lower case: "device", "group", "job", "manager". */

typedef struct Mirror Mirror;

int mirror_new(Mirror **ret);
void mirror_free(Mirror *mirror);

typedef enum MirrorEvent {
        MIRROR_ADDED,
        MIRROR_CHANGED,
        MIRROR_REMOVED,
} MirrorEvent;

/* A change of an object. The pointers are valid only during the call of the handler. */
typedef struct MirrorChange {
        MirrorEvent event;
        const char *path;
        const char *kind;
        json_t *object;     /* all properties as they are now; if the object was removed, as they were before */
        json_t *properties; /* the changed properties with their new values; all of a new object, none of a removed one */
        json_t *before;     /* the old values of these; none for a new object */
} MirrorChange;

/* Returns 0; or a negative errno, which the function that called the handler returns. */
typedef int (*mirror_handler_t)(const MirrorChange *change, void *userdata);

/* Loads all objects from the reply of GetManagedObjects, and calls the handler for each difference from what was
 * known. The manager, which is not in that reply, stays as it is. This function and the next ones return 0 or a
 * negative errno, which may come from the handler. The handler may be NULL. */
int mirror_load(Mirror *mirror, sd_bus_message *reply, mirror_handler_t handler, void *userdata);

/* Loads one object from the reply of GetAll. */
int mirror_load_object(Mirror *mirror, const char *path, const char *interface, sd_bus_message *reply,
                mirror_handler_t handler, void *userdata);

/* Drops an object without calling a handler. */
void mirror_forget(Mirror *mirror, const char *path);

/* Applies a signal: InterfacesAdded, InterfacesRemoved or PropertiesChanged. The handler is not called where
 * nothing changes, nor for a change of an object that is not known. */
int mirror_take_signal(Mirror *mirror, sd_bus_message *signal, mirror_handler_t handler, void *userdata);

/* Returns the properties of an object as a borrowed reference; NULL if the object is not known. */
json_t *mirror_find(const Mirror *mirror, const char *path);

/* Returns the number of objects of a kind. */
size_t mirror_count(const Mirror *mirror, const char *kind);

/* Returns all objects as a borrowed reference: {path: {"kind": ..., "properties": ...}}. */
json_t *mirror_get_all(const Mirror *mirror);
