/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state.h"
#include "temp-tree.h"

/* A state folder, and the journal of what is in it. */

typedef struct Fixture {
        TempTree *tree;
        State *state;
} Fixture;

/* Reads the folder as a new daemon does. */
static inline void load(Fixture *fixture) {
        g_autofree char *path = temp_tree_path(fixture->tree, "state");

        fixture->journal = journal_free(fixture->journal);
        g_assert_cmpint(journal_new(path, &fixture->journal), ==, 0);
}

static inline Fixture fixture_new(void) {
        Fixture fixture = {.tree = temp_tree_new()};

        temp_tree_folder(fixture.tree, "state");
        load(&fixture);
        return fixture;
}

static inline void fixture_done(Fixture *fixture) {
        journal_free(fixture->journal);
        temp_tree_free(fixture->tree);
}
#define _cleanup_fixture_ __attribute__((cleanup(fixture_done)))
