/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-details.h"
#include "bus/request.h"

/* The rule that AddRule would write now. */
typedef struct NewRule {
        char *name, *text;      /* owned */
        const Device **devices; /* the array is owned: the device, and the companions that the rule may detach, too */
        size_t n_devices;
} NewRule;

void new_rule_done(NewRule *rule);
#define _cleanup_new_rule_ _cleanup_(new_rule_done)

/* Makes the rule that the request asks for. The devices are valid until the next turn of the loop. Returns 0, an outcome,
 * or -ENOMEM. */
int new_rule_make(const Service *service, const Request *request, NewRule *ret, Problem *problem);

/* Adds a rule to the fingerprint; NULL for none. */
void new_rule_mix(CallDetails *details, const Rule *rule);
