/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* What a caller needs for each method and for each option of it. There is one table, in action.c. It is the only list
 * of the options that a method has. A method or an option without an entry cannot be registered on the bus (registration.h). An
 * entry whose action was forgotten cannot, either: 0 is no valid action. */

typedef enum Action {
        _ACTION_UNSET,
        ACTION_NONE,  /* everybody may call the method; an option needs nothing more than its method */
        ACTION_OWNER, /* only of a method of an object: root, and the user who started the object */

        /* Actions of polkit. Root needs none. */
        ACTION_DETACH,
        ACTION_REATTACH,
        ACTION_LEASE,
        ACTION_MANAGE_RULES,
        ACTION_MANAGE_VFS,
        ACTION_RESCAN,
        ACTION_INSPECT, /* to see the processes and mounts of other users */
        ACTION_OVERRIDE_GUARD,
        ACTION_FORCE, /* to act against a process that holds a device, or against another program */
        _ACTION_MAX,
} Action;

#define _ACTION_FIRST_OF_POLKIT ACTION_DETACH

/* Returns the id of an action of polkit, for example "org.vfiod1.detach", as a static string. NULL for other values. */
const char *action_to_string(Action action);

/* Returns what the action permits, in words: "to detach devices". NULL for other values. */
const char *action_in_words(Action action);

typedef struct OptionAccess {
        const char *name; /* NULL ends the list */
        Action action;
} OptionAccess;

typedef struct MethodAccess {
        const char *interface; /* NULL ends the table */
        const char *member;
        Action action;
        const OptionAccess *options; /* NULL for a method without options */
} MethodAccess;

/* The table; it ends with an entry without an interface. */
extern const MethodAccess action_table[];

/* Finds the entry of a method. Returns NULL if there is none: the caller must then refuse the call. */
const MethodAccess *action_find(const MethodAccess *table, const char *interface, const char *member);

/* Finds the entry of an option. Returns NULL if the method has no such option. */
const OptionAccess *action_find_option(const MethodAccess *method, const char *name);
