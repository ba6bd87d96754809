/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model.h"

/* A call of Detach or Reattach, with everything that is needed to judge its result. */

typedef struct Call {
        bool detach;
        Target target;
        char *selector;         /* a name of the target */
        bool consent, override; /* options of a Detach */
        bool force;             /* option of a Reattach: even if a VM has the card */
        char *fingerprint;      /* of the plan that was made before; NULL for none */
        char *depended_on;      /* what that plan depended on, see describe_ground() */
        const char *predicted;  /* the error's name or "", if nothing disturbs the call */
        GPtrArray *planned;     /* addresses of the cards that the call should change */
        GPtrArray *following;   /* addresses of the VFs that disappear or return together with a planned card */
        Truth *before;
        Ledger *ledger; /* before the call */
        Answer answer;

        /* What disturbed the call. */
        bool is_disturbed;    /* anything at all */
        bool worker_killed;   /* perhaps before it changed anything */
        bool daemon_killed;   /* so perhaps nobody got an answer */
        bool recovery_failed; /* the devices may still be in a mixed state */
} Call;

/* A random call for the cards that exist. Permits the writes that it needs. */
Call *call_new(World *world, bool detach);
/* A forced Reattach of a group. */
Call *call_new_forced(World *world, int group);
Call *call_free(Call *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)

/* Calls Plan for it and checks the plan. The call itself follows later, perhaps after the host has changed. */
void call_plan(World *world, Call *call);
/* Predicts again, because the host may have changed. */
void call_predict_again(World *world, Call *call);

void call_start(World *world, Call *call);

/* Whether the call should change the card in this slot. */
bool call_plans(const Call *call, const char *address);

/* The binding that a reattach must restore if the call detaches the card now. */
Claim call_original(const Call *call, const char *address);
