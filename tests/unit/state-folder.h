/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "temp-tree.h"

/* A folder "state" in a tree of the test's own. */
typedef struct StateFolder {
        TempTree *tree;
        char *path;
        int fd;
} StateFolder;

StateFolder *state_folder_new(void);
StateFolder *state_folder_free(StateFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateFolder, state_folder_free)

/* Writes a file of mode 0600 as it is, also with NULs in it. */
void state_folder_write(StateFolder *folder, const char *name, const char *text, gsize length);

/* Writes a state file of this kind with this JSON, its checksum and the boot id. */
void state_folder_write_json(StateFolder *folder, const char *name, const char *kind, const char *json);

/* The whole file, to be freed. */
char *state_folder_read(StateFolder *folder, const char *name, gsize *ret_length);
bool state_folder_has(StateFolder *folder, const char *name);
