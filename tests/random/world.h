/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "ledger.h"
#include "rule-case.h"
#include "rulebook.h"
#include "slot.h"
#include "truth.h"
#include "vfiod-process.h"

/* The machine, the daemon, and what the test knows about both. */

#define NO_GROUP (-2)

typedef struct World {
        GRand *random;
        FakeKernel *kernel;
        Vfiod *vfiod;
        Truth *truth; /* as of the last world_read() */
        Ledger *ledger;
        Rulebook *rulebook;
        CaseTable *cases;    /* of rules */
        GHashTable *vms;     /* group -> descriptor of its node, which this process holds open */
        GHashTable *missing; /* modules that were unloaded */
        GHashTable *used;    /* disks that are in use */

        /* For the current operation. */
        GHashTable *changed;     /* addresses of cards that others than vfiod changed, or may have changed */
        GHashTable *permitted;   /* address -> ids, separated by blanks, of the cards that vfiod may write to */
        GPtrArray *expectations; /* see expectation.h: what vfiod should do by itself */
        bool loses_events;       /* the daemon gets no event until the operation ends */
        GHashTable *uncertain;   /* groups whose final state the model cannot tell */
        unsigned n_fds;          /* descriptors that the daemon had open before its first operation */
        int busy_group;          /* a job for it is stalled while other operations run; or NO_GROUP */
} World;

World *world_new(guint32 seed);
World *world_free(World *world);

/* A number from 0 to n - 1; true in one of n cases. */
unsigned world_random(World *world, unsigned n);
bool world_chance(World *world, unsigned n);

/* Reads the state of the machine again. */
void world_read(World *world);

/* What others may change in the current operation, and what the daemon may change. */
void world_forget_changes(World *world);
void world_forget_permissions(World *world);
void world_mark_changed(World *world, const char *address);
void world_mark_all_changed(World *world);
void world_permit(World *world, const char *address, const char *ids);
bool world_permits(const World *world, const char *address, const char *ids);

/* The model cannot tell the final state of the group. It takes it from the daemon, and checks only that it is
 * consistent. */
void world_make_uncertain(World *world, int group);
bool world_is_uncertain(const World *world, int group);

/* Ends the VM of the group. When this returns, everything that waited for the VM has happened. */
void world_end_vm(World *world, int group);
bool world_has_vm(World *world, int group);

/* The card in this slot (the slot's card or another card), or NULL. */
const TruthDevice *world_device(const World *world, const char *address);
/* The claim for the card that is in the slot now; NULL for none. */
Claim *world_claim(const World *world, const TruthDevice *device);
/* Interfaces, then disks. */
void world_names(const TruthDevice *device, char *buffer, size_t size);
