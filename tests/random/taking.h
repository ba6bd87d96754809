/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What vfiod is to do by itself in the operation in hand. Each of these permits what it needs, and is checked when all has come to rest. */

typedef enum TakingKind {
        TAKING_TAKES,    /* it detaches all of the group that is not with it yet */
        TAKING_LEAVES,   /* it leaves the card as it is */
        TAKING_RELEASES, /* it leaves the card, and keeps no driver of the host from it */
} TakingKind;

/* A newcomer was plugged in just now: nobody has used what the host called it. */
void taking_expect(World *world, TakingKind kind, const TruthDevice *device, bool newcomer);
bool taking_is_of(const void *taking, TakingKind kind);

/* The cards that it moves. */
unsigned taking_count(const void *taking);

/* Returns when what is to be detached is: it may be tried more than once. */
void taking_await_all(World *world);
void taking_check_all(World *world);

void taking_free(void *p);
