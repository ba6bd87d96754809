/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "temp-tree.h"

/* A folder "state" in a temporary tree. */
typedef struct StateFolder {
        TempTree *tree;
        char *path;
        int fd;
} StateFolder;

StateFolder *state_folder_new(void);
StateFolder *state_folder_free(StateFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateFolder, state_folder_free)

/* Writes a file with mode 0600; the text may contain NULs. */
void state_folder_write(StateFolder *folder, const char *name, const char *text, gsize length);

/* Writes a state file of this kind with this JSON, and with the right checksum and boot id. */
void state_folder_write_json(StateFolder *folder, const char *name, const char *kind, const char *json);

/* The whole file; the caller frees it. */
char *state_folder_read(StateFolder *folder, const char *name, gsize *ret_length);
bool state_folder_has(StateFolder *folder, const char *name);
