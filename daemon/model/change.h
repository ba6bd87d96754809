/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* Changes of the model. The model only records them; bus/ sends the signals. */

typedef enum ChangeKind {
        CHANGE_NONE, /* cancelled: an object was added and removed before the changes were taken */
        CHANGE_DEVICE_ADDED,
        CHANGE_DEVICE_CHANGED,
        CHANGE_DEVICE_REMOVED,
        CHANGE_GROUP_ADDED,
        CHANGE_GROUP_CHANGED,
        CHANGE_GROUP_REMOVED,
} ChangeKind;

/* The kind of facts that changed, as a bit mask. */
typedef enum ChangedFacts {
        CHANGED_STATE = 1 << 0,
        CHANGED_DRIVER = 1 << 1,
        CHANGED_IDS = 1 << 2,
        CHANGED_GROUP = 1 << 3,
        CHANGED_NAMES = 1 << 4,
        CHANGED_ORIGIN = 1 << 5,
        CHANGED_LINK = 1 << 6,
        CHANGED_OTHER = 1 << 7,
        CHANGED_FUNCTIONS = 1 << 8, /* the virtual functions (VFs) of a PF */
        CHANGED_MEMBERS = 1 << 9,   /* the members of a group */
        CHANGED_VIABLE = 1 << 10,   /* the viability, blockers or node of a group */
        CHANGED_AVAILABILITY = 1 << 11,
} ChangedFacts;

typedef struct Change {
        ChangeKind kind;
        unsigned facts;     /* ChangedFacts; only for the ..._CHANGED kinds */
        PciAddress address; /* only for the CHANGE_DEVICE_... kinds */
        int group;          /* number; only for the CHANGE_GROUP_... kinds */
} Change;

/* There is at most one entry per object between two calls of inventory_take_changes(), except for an object that was
 * removed and added again. */
typedef struct ChangeList {
        Change *changes;
        size_t n_changes;
} ChangeList;

/* Frees the entries and empties the list. */
static inline void change_list_done(ChangeList *list) {
        free(list->changes);
        *list = (ChangeList){};
}
