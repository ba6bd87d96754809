/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

/* The daemon's objects as it tells of them: what it said once, and each change since. Properties are JSON objects, of their
 * names and values. An object has one interface of the daemon, and its kind is the last part of that, in small letters:
 * "device", "group", "job", "manager". */

typedef struct Mirror Mirror;

int mirror_new(Mirror **ret);
void mirror_free(Mirror *mirror);

typedef enum MirrorEvent {
        MIRROR_ADDED,
        MIRROR_CHANGED,
        MIRROR_REMOVED,
} MirrorEvent;

/* What became different of an object. All of it holds for the time of the call. */
typedef struct MirrorChange {
        MirrorEvent event;
        const char *path;
        const char *kind;
        json_t *object;     /* all properties, as they are now; of one that was removed, as they were */
        json_t *properties; /* those that are different now; of a new object all, of one that was removed none */
        json_t *before;     /* what these were; none of a new object */
} MirrorChange;

/* Returns 0, or a negative errno that is passed on. */
typedef int (*mirror_handler_t)(const MirrorChange *change, void *userdata);

/* All objects anew, from the reply of GetManagedObjects: the handler hears of the net difference. An object that is not
 * below the paths of a list, like the manager, stays. All of these return 0, or a negative errno, also of the handler, which
 * may be NULL. */
int mirror_load(Mirror *mirror, sd_bus_message *reply, mirror_handler_t handler, void *userdata);

/* One object, from the reply of GetAll. */
int mirror_load_object(Mirror *mirror, const char *path, const char *interface, sd_bus_message *reply,
                mirror_handler_t handler, void *userdata);

/* Forgets an object without a word. */
void mirror_forget(Mirror *mirror, const char *path);

/* What a signal says: InterfacesAdded, InterfacesRemoved, PropertiesChanged. Of an object that is not known, and of one that
 * is as it is said to be, nobody hears. */
int mirror_take_signal(Mirror *mirror, sd_bus_message *signal, mirror_handler_t handler, void *userdata);

/* The properties of an object, borrowed; NULL for one that is not known. */
json_t *mirror_find(const Mirror *mirror, const char *path);

/* How many objects of a kind there are. */
size_t mirror_count(const Mirror *mirror, const char *kind);

/* All of it, {path: {"kind": ..., "properties": ...}}, borrowed. */
json_t *mirror_get_all(const Mirror *mirror);
