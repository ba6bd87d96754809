/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <systemd/sd-bus.h>

/* Asks polkit whether a caller may do something. The question is an asynchronous call on the system bus, so it blocks
 * nobody, although polkit may ask a person for a password. polkit identifies the caller by its unique name on the bus:
 * the bus tells polkit the uid and the process of this name, and a name is never used again. */

typedef enum PolkitAnswer {
        POLKIT_AUTHORIZED,
        POLKIT_DENIED,
        POLKIT_DISMISSED, /* the person who was asked cancelled the dialog */
        POLKIT_CHALLENGE, /* a person would have to be asked, but the call does not allow it, or nobody can be asked */
        POLKIT_ABSENT,    /* polkit does not run and cannot be started */
        POLKIT_FAILED,    /* polkit answered with an error, or with something else */
        POLKIT_TIMED_OUT, /* there was no answer */
        POLKIT_CALLER_GONE, /* the caller has left the bus */
        _POLKIT_ANSWER_MAX,
} PolkitAnswer;

/* Returns the answer in words, for the log: "authorized", "denied", "timed out". */
const char *polkit_answer_to_string(PolkitAnswer answer);

/* Details of the question. They are shown to the person who is asked, and the rules of polkit can read them. */
typedef struct PolkitDetail {
        const char *key, *value;
} PolkitDetail;

typedef struct PolkitQuestion {
        const char *caller; /* unique name on the bus */
        const char *action;
        const PolkitDetail *details;
        size_t n_details;
        bool interactive;     /* polkit may ask a person */
        uint64_t deadline_us; /* after it, the answer is POLKIT_TIMED_OUT, and polkit removes its dialog */
} PolkitQuestion;

/* A question without an answer. */
typedef struct PolkitCheck PolkitCheck;

/* Called once, later than polkit_ask(). error is the text of an error, or NULL. It may free the check. */
typedef void (*polkit_done_t)(PolkitAnswer answer, const char *error, void *userdata);

/* Sends the question. The strings need not live longer than this call. The caller frees *ret, also after the answer.
 * Returns 0 or a negative errno, and then done() is not called. */
int polkit_ask(sd_bus *bus, const PolkitQuestion *question, polkit_done_t done, void *userdata, PolkitCheck **ret);

/* If there is no answer yet, tells polkit that none is needed, so that it removes its dialog. done() is not called any
 * more. Returns NULL. */
PolkitCheck *polkit_check_free(PolkitCheck *check);
