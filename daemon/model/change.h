/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-address.h"

/* What became different in the model. The model only says so; bus/ makes signals of it. */

typedef enum ChangeKind {
        CHANGE_NONE, /* taken back: an object that came and went between two looks */
        CHANGE_DEVICE_ADDED,
        CHANGE_DEVICE_CHANGED,
        CHANGE_DEVICE_REMOVED,
        CHANGE_GROUP_ADDED,
        CHANGE_GROUP_CHANGED,
        CHANGE_GROUP_REMOVED,
} ChangeKind;

/* Which facts, as a mask. */
typedef enum ChangedFacts {
        CHANGED_STATE = 1 << 0,
        CHANGED_DRIVER = 1 << 1,
        CHANGED_IDS = 1 << 2,
        CHANGED_GROUP = 1 << 3,
        CHANGED_NAMES = 1 << 4,
        CHANGED_ORIGIN = 1 << 5,
        CHANGED_LINK = 1 << 6,
        CHANGED_OTHER = 1 << 7,
        CHANGED_FUNCTIONS = 1 << 8, /* which virtual functions there are */
        CHANGED_MEMBERS = 1 << 9,   /* of a group */
        CHANGED_VIABLE = 1 << 10,   /* of a group: viability, blockers, node */
} ChangedFacts;

typedef struct Change {
        ChangeKind kind;
        unsigned facts;     /* ChangedFacts, of a ..._CHANGED */
        PciAddress address; /* of a device */
        int group;          /* of a group */
} Change;

/* At most one entry an object and turn, but for one that goes and comes back. */
typedef struct ChangeList {
        Change *changes;
        size_t n_changes, n_allocated;
} ChangeList;

static inline void change_list_done(ChangeList *list) {
        free(list->changes);
        *list = (ChangeList){};
}
