/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "ledger.h"
#include "rule-case.h"
#include "rulebook.h"
#include "slot.h"
#include "truth.h"
#include "vfiod-process.h"

/* The machine, the daemon, and what is known of both. */

#define NO_GROUP (-2)

typedef struct World {
        GRand *random;
        FakeKernel *kernel;
        Vfiod *vfiod;
        Truth *truth; /* as of the last look */
        Ledger *ledger;
        Rulebook *rulebook;
        CaseTable *cases;    /* of rules */
        GHashTable *vms;     /* group -> descriptor of its node, which this process holds open */
        GHashTable *missing; /* modules that were unloaded */
        GHashTable *used;    /* disks that are in use */

        /* Of the operation in hand. */
        GHashTable *moved;     /* addresses that another hand has, or may have, changed */
        GHashTable *permitted; /* address -> ids, with blanks, of the cards that vfiod may write to */
        GPtrArray *takings;    /* of taking.h: what vfiod is to do by itself */
        bool loses_events;     /* the daemon hears of nothing until the operation's end */
        GHashTable *uncertain; /* groups of which the model cannot tell how they end */
        unsigned n_fds;        /* that the daemon had open when it had done nothing yet */
        int busy_group;        /* a job of it is held up, and other things go on beside it; or NO_GROUP */
} World;

World *world_new(guint32 seed);
World *world_free(World *world);

/* From 0 to n - 1; true once in n. */
unsigned world_random(World *world, unsigned n);
bool world_chance(World *world, unsigned n);

/* Looks at the machine anew. */
void world_look(World *world);

/* What the operation in hand may change by other hands than the daemon's, and by the daemon's. */
void world_forget_changes(World *world);
void world_forget_permissions(World *world);
void world_move(World *world, const char *address);
void world_move_all(World *world);
void world_permit(World *world, const char *address, const char *ids);
bool world_permits(const World *world, const char *address, const char *ids);

/* How things end in the group is taken from the daemon; only in itself it must hold. */
void world_make_uncertain(World *world, int group);
bool world_is_uncertain(const World *world, int group);

/* The VM of the group lets go of it, and what waited for that has happened when this returns. */
void world_end_vm(World *world, int group);
bool world_has_vm(World *world, int group);

/* A card that is there, or NULL; of the slot's own or a stranger. */
const TruthDevice *world_device(const World *world, const char *address);
/* What vfiod owes to the very card that is in the slot; NULL for nothing. */
Claim *world_claim(const World *world, const TruthDevice *device);
/* Interfaces, then disks. */
void world_names(const TruthDevice *device, char *buffer, size_t size);
