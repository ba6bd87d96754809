/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model.h"

/* A Detach or Reattach, and all that is needed to judge how it ended. */

typedef struct Call {
        bool detach;
        Target target;
        char *selector;         /* one of the target's names */
        bool consent, override; /* of a Detach: to companions; to what the host uses */
        bool force;             /* of a Reattach: also what a VM has */
        char *fingerprint;      /* of the plan that was made before; NULL for none */
        char *rested_on;        /* what that plan rested on, in the model's words */
        const char *predicted;  /* the error's name or "", while nobody disturbs it */
        GPtrArray *planned;     /* addresses of the cards that it would move */
        GPtrArray *following;   /* addresses of the VFs that vanish or come back with a card of these */
        Truth *before;
        Ledger *owed; /* before */
        Answer answer;

        /* What was done to it. */
        bool is_disturbed;    /* anything at all */
        bool worker_killed;   /* perhaps before it did anything */
        bool daemon_killed;   /* so that nobody may have got an answer */
        bool recovery_failed; /* what was left in between may still be so */
} Call;

/* Chosen at random over what there is; permits what it needs. */
Call *call_new(World *world, bool detach);
/* Of a group, with force. */
Call *call_new_forced(World *world, int group);
Call *call_free(Call *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)

/* Has it planned, and judges the plan. To be carried out later, when things may be different. */
void call_plan(World *world, Call *call);
/* Things may be different now. */
void call_look_again(World *world, Call *call);

void call_start(World *world, Call *call);

/* Whether it would move the card of this slot. */
bool call_plans(const Call *call, const char *address);

/* The binding that the card is to get back one day, if the call takes it now. */
Claim call_original(const Call *call, const char *address);
