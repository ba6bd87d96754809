/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The model's copy of the state files: for each card that vfiod detached, the binding that the card had before. */

typedef enum ClaimPhase {
        CLAIM_DETACHED, /* vfiod detached it */
        CLAIM_DEGRADED, /* a failed job left it in a mixed state: only a reattach repairs it */
        CLAIM_EITHER,   /* detached or degraded: the model cannot tell */
        CLAIM_DOUBTFUL, /* the claim may not exist at all */
        CLAIM_UNKNOWN,  /* the model knows nothing about it */
} ClaimPhase;

typedef struct Claim {
        char address[16], ids[16];
        char driver[32], override[64]; /* "" for none */
        char names[64];                /* of interfaces and disks, separated by commas */
        char power[16];                /* "on 1": power/control and d3cold_allowed */
        bool any_driver;               /* after a reattach it has the driver that the kernel chooses */
        bool has_vfs;                  /* a PF: a reattach creates its VFs; taken from the state file */
        bool has_parent;               /* it disappeared with its PF and should return with it */
        bool just_plugged;             /* when vfiod detached it; its names may be temporary or unknown then */
        ClaimPhase phase;
} Claim;

typedef struct Ledger Ledger;

Ledger *ledger_new(void);
Ledger *ledger_free(Ledger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ledger, ledger_free)
Ledger *ledger_copy(const Ledger *ledger);

/* NULL for none; valid until the next change. */
Claim *ledger_find(const Ledger *ledger, const char *address);
void ledger_put(Ledger *ledger, const Claim *claim);
void ledger_drop(Ledger *ledger, const char *address);
/* A list of Claim, ordered by address; free it with g_list_free(). */
GList *ledger_list(const Ledger *ledger);

/* One line of text; "nothing" for NULL. The caller frees it. */
char *claim_to_text(const Claim *claim);

/* Checks that the state files say exactly the same. What the model could not tell is taken from them. */
void ledger_check(Ledger *ledger, const char *state_folder);
