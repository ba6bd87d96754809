/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "machine.h"

/* Faults at the K-th write from now, and the list of all writes. Every write to an attribute counts once, except
 * writes to `uevent`. */

typedef enum Verdict {
        VERDICT_APPLY,
        VERDICT_FAIL,        /* not applied, returns the error */
        VERDICT_FAIL_AFTER,  /* applied, returns the error */
        VERDICT_IGNORE,      /* not applied, returns success */
        VERDICT_STALL,       /* applied and answered after `resume` */
        VERDICT_STALL_AFTER, /* applied at once, answered after `resume` */
        VERDICT_VANISH,
        VERDICT_SWAP,
} Verdict;

Injections *injections_new(void);
Injections *injections_free(Injections *i);
void injections_clear(Injections *i);
/* `words`: the address, and what else the kind needs. */
void injections_add(Injections *i, Verdict kind, unsigned k, int error, char *const *words);

/* Records the write, applies what happens before it, and returns how it must end. */
Verdict injections_on_write(Machine *m, Node *n, const char *value, pid_t pid, int *ret_error);

/* path=value; with `writers`: PID VENDOR:DEVICE path=value, with the ids of the device before the write ("-" for
 * none). */
void injections_list_writes(Injections *i, bool writers, GString *text);
unsigned injections_count_writes(Injections *i);
void injections_reset_writes(Injections *i);
