/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "world.h"

/* What vfiod should do by itself during the current operation. Each expectation permits the writes that it needs,
 * and is checked when vfiod is idle. */

typedef enum ExpectationKind {
        EXPECT_DETACH,    /* it detaches every card of the group that is not on vfio-pci yet */
        EXPECT_UNCHANGED, /* it does not change the card */
        EXPECT_RELEASE,   /* it does not detach the card, and removes its own early driver_override */
} ExpectationKind;

/* just_plugged: the card was just plugged in, so its interface or disk names do not count yet. */
void expectation_add(World *world, ExpectationKind kind, const TruthDevice *device, bool just_plugged);
bool expectation_is_of(const void *expectation, ExpectationKind kind);

/* The number of cards that it changes. */
unsigned expectation_count(const void *expectation);

/* Waits until the cards are detached; vfiod may need more than one try. */
void expectation_await_all(World *world);
void expectation_check_all(World *world);

void expectation_free(void *p);
