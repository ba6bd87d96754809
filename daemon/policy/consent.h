/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/selector.h"

/* Which members of a group the caller agrees to take along with the device that he selected. */

typedef struct Consent {
        bool all;             /* to every member */
        const Device **named; /* else to these, sorted by their place in memory; valid until the inventory changes */
        size_t n_named;
} Consent;

/* Reads companions, selectors ended by NULL ("*" for all; NULL for none), once for all members. Returns 0; or
 * INVALID_SELECTOR for one that is not in the group of the selection; or what selector_resolve() comes to; or -ENOMEM.
 * The caller calls consent_done(), also on failure. */
int consent_read(const Inventory *inventory, const Selection *selection, const char *const *companions,
                Consent *consent, Problem *problem);
void consent_done(Consent *consent);

bool consent_covers(const Consent *consent, const Device *device);
