/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "private-bus.h"

/* A stand-in for polkit on the private bus. It answers each question as the test wants, and notes it. It runs in the main
 * loop of the test, so a test must not make a synchronous call that needs an answer of it. */

typedef enum PolkitVerdict {
        VERDICT_AUTHORIZE,
        VERDICT_DENY,
        VERDICT_CHALLENGE, /* nobody may be asked for a password */
        VERDICT_DISMISS,   /* the person who is asked cancels */
        VERDICT_ERROR,
        VERDICT_NONSENSE, /* an answer of another type */
        VERDICT_HOLD,     /* no answer until polkit_stub_release() */
} PolkitVerdict;

/* A question that vfiod asked. */
typedef struct PolkitQuery {
        char *action, *caller; /* the caller is a unique name on the bus */
        GVariant *details;     /* a{ss} */
        guint32 flags;
        char *cancellation_id;
} PolkitQuery;

typedef PolkitVerdict (*polkit_decide_t)(const PolkitQuery *query, void *userdata);

typedef struct PolkitStub {
        GPtrArray *queries;   /* PolkitQuery, in order; the test may empty it */
        GPtrArray *cancelled; /* the cancellation ids that vfiod sent */
        GPtrArray *held;      /* GDBusMethodInvocation */
        polkit_decide_t decide;
        void *userdata;
        GDBusConnection *connection;
        guint object;
} PolkitStub;

/* Owns the name of polkit when it returns. */
PolkitStub *polkit_stub_start(polkit_decide_t decide, void *userdata);
/* Gives the name up. Accepts NULL and returns NULL. */
PolkitStub *polkit_stub_stop(PolkitStub *stub);

/* Runs the main loop until so many questions were asked, or cancelled, in all. */
void polkit_stub_await_queries(PolkitStub *stub, guint n);
void polkit_stub_await_cancelled(PolkitStub *stub, guint n);

const PolkitQuery *polkit_stub_get_query(PolkitStub *stub, guint i);
/* Forgets all questions and cancellations. */
void polkit_stub_clear(PolkitStub *stub);
/* Answers all questions that are held. */
void polkit_stub_release(PolkitStub *stub, PolkitVerdict verdict);

/* Checks a detail of a question; NULL: it must be missing. */
void polkit_query_expect(const PolkitQuery *query, const char *key, const char *expected);
