/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What vfiod owes: for each card that it took, what that card had before. */

typedef enum ClaimPhase {
        CLAIM_AWAY,     /* vfiod detached it */
        CLAIM_DEGRADED, /* a failed job left it in between: only a reattach brings it back */
        CLAIM_EITHER,   /* the one or the other: the model cannot tell */
        CLAIM_DOUBTFUL, /* or it may not be owed at all */
        CLAIM_UNKNOWN,  /* nothing can be told of it */
} ClaimPhase;

typedef struct Claim {
        char address[16], ids[16];
        char driver[32], override[64]; /* "" for none */
        char names[64];                /* of the host, with commas */
        char power[16];                /* "on 1": power/control and d3cold_allowed */
        bool any_driver;               /* it gets the one that the kernel finds, whichever that is */
        bool has_vfs;                  /* a PF: a reattach creates its VFs. Taken from the state file. */
        bool has_parent;               /* it vanished with its PF, and is expected back with it */
        bool newcomer;                 /* when it was taken; the names say little then, and may have gone unseen */
        ClaimPhase phase;
} Claim;

typedef struct Ledger Ledger;

Ledger *ledger_new(void);
Ledger *ledger_free(Ledger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ledger, ledger_free)
Ledger *ledger_copy(const Ledger *ledger);

/* NULL for none; holds until the next change. */
Claim *ledger_find(const Ledger *ledger, const char *address);
void ledger_put(Ledger *ledger, const Claim *claim);
void ledger_drop(Ledger *ledger, const char *address);
/* In the order of the addresses: Claim; to be freed with g_list_free(). */
GList *ledger_list(const Ledger *ledger);

/* In a line; NULL is nothing. To be freed. */
char *claim_to_text(const Claim *claim);

/* The state files must say the same, no less and no more. What the model could not tell is taken from them. */
void ledger_check(Ledger *ledger, const char *state_folder);
