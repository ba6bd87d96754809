/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fake-kernel-client.h"

/* The machine that everything happens on: its slots, and the cards that may be in each. */

typedef struct Slot {
        const char *address;
        int group;          /* -1 for none */
        const char *parent; /* NULL for none */
        const char *card; /* what the fake kernel is told of the card that belongs here; NULL for one that only sriov_numvfs makes */
        const char *boot;     /* and what more when the machine starts */
        const char *stranger; /* of another card that fits; NULL for none */
        const char *driver;   /* of the host, for the card; NULL for none */
        bool is_bridge;
} Slot;

extern const Slot slots[];
extern const unsigned n_slots;

/* NULL for none. */
const Slot *slot_find(const char *address);
/* "8086:100e" of a card as above, into buffer, which is returned. */
#define IDS_MAX 16
const char *card_ids(const char *card, char buffer[IDS_MAX]);

/* The physical function, and how many virtual ones it has room for. */
#define SLOT_PHYSICAL "0000:0c:00.0"
#define N_VIRTUAL 2
#define VIRTUAL_IDS "8086:10ca"

/* A card that nothing happens to but that its interface gets another name: when that is known, so is all that happened before. In no slot. */
#define SLOTLESS "0000:1f:00.0"

/* An empty machine gets its drivers and cards. */
void slots_fill(FakeKernel *kernel);
/* The command that plugs a card in. */
void slot_plug(FakeKernel *kernel, const Slot *slot, const char *card);

/* Drivers in modules that may be unloaded. */
extern const char *const modules[];
extern const unsigned n_modules;
