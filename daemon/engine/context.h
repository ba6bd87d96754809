/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/engine.h"

/* What a worker needs to carry out a plan, to revert it, or to recover it. */

/* Called once, when the transaction's file is on disk and nothing else is done yet: from then on the next daemon finds it. */
typedef void (*transaction_recorded_t)(void *userdata);

typedef struct Transaction {
        const Kernel *kernel;
        int devices_fd, transactions_fd; /* of the state folder */
        unsigned long number;            /* of the file in transactions/ */
        Plan *plan;                      /* the values that the worker finds out are filled in */
        EngineCallbacks callbacks;
        transaction_recorded_t recorded; /* NULL where nobody wants to know */
} Transaction;
