/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fake-kernel-client.h"

/* The machine of the test: its slots, and the cards that may be in each slot. */

typedef struct Slot {
        const char *address;
        int group;              /* -1 for none */
        const char *parent;     /* NULL for none */
        const char *card;       /* the fake kernel's description of the card of this slot; NULL for a VF, which only
                           * sriov_numvfs creates */
        const char *boot;       /* more of the description when the machine starts */
        const char *other_card; /* description of another card that fits; NULL for none */
        const char *driver;     /* the host driver of the card; NULL for none */
        bool is_bridge;
} Slot;

extern const Slot slots[];
extern const unsigned n_slots;

/* NULL for none. */
const Slot *slot_find(const char *address);
/* The ids of a card ("8086:100e"), from its description. Writes them to buffer and returns it. */
#define IDS_MAX 16
const char *card_ids(const char *card, char buffer[IDS_MAX]);

/* The PF, and how many VFs it supports. */
#define SLOT_PF "0000:0c:00.0"
#define N_VFS 2
#define VF_IDS "8086:10ca"

/* A card in no slot. The only change to it is a new name of its interface: when the daemon knows the name, it has
 * handled all earlier events. */
#define SLOTLESS "0000:1f:00.0"

/* Adds the drivers and cards to an empty machine. */
void slots_fill(FakeKernel *kernel);
/* Plugs a card in. */
void slot_plug(FakeKernel *kernel, const Slot *slot, const char *card);

/* Drivers in modules that the test may unload. */
extern const char *const modules[];
extern const unsigned n_modules;
