/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "planning.h"
#include "state-folder.h"
#include "state/state-file.h"
#include "state/state.h"

/* A state folder as a daemon has it open, and the host's devices. */
typedef struct StateBed {
        StateFolder *folder;
        State *state;
        Inventory *inventory;
} StateBed;

StateBed *state_bed_new(void);
void state_bed_free(StateBed *bed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateBed, state_bed_free)

/* Writes a device's file, with the ids that make_facts() gives. */
void write_device(StateBed *bed, const char *address, bool away, DeviceOrigin origin);

/* Returns the descriptor that holds the lock. */
int begin_transaction(StateBed *bed, unsigned long number, const char *address);
void write_transaction(StateBed *bed, unsigned long number, const char *address);

/* Reads the files, applies them and forgets; "ADDRESS..." of the files that are left. */
void assert_kept(StateBed *bed, const char *expected);
