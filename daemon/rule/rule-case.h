/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-keeper.h"

/* The rule cases: the devices that rules apply to, and the status of each. */

typedef struct RuleCase {
        PciAddress address;
        RuleStatus status;
        char *rule; /* name of the rule; NULL for a device that was detached by a call, removed, and plugged in again */
        char *message;        /* NULL for none */
        unsigned n_attempts;  /* number of failed attempts */
        uint64_t incarnation; /* of the device, see PciFacts */
        uint64_t plugged_us; /* when the device was plugged in (CLOCK_MONOTONIC, microseconds); 0 if it existed before */
        uint64_t retry_us; /* earliest time of the next attempt (CLOCK_MONOTONIC, microseconds); 0 for as soon as the device is free */
        bool hotplugged;    /* the device was plugged in, so a refusal may be temporary */
        unsigned ticket;    /* identifies the running job for this case; 0 for none */
        bool changed;       /* status or message changed since rule_case_list_take_changed() */
        bool needs_release; /* the device was refused: the driver_override of the early rule must be cleared */
} RuleCase;

typedef struct RuleCaseList {
        RuleCase *cases; /* sorted by address */
        size_t n_cases, n_allocated;
        bool changed; /* a case was removed since rule_case_list_take_changed() */
} RuleCaseList;

/* Frees all cases and empties the list. */
void rule_case_list_done(RuleCaseList *list);

/* Finds the case of a device. Returns NULL if there is none. The pointer is valid until the next obtain or remove. */
RuleCase *rule_case_find(const RuleCaseList *list, PciAddress address);

/* Returns the case of the device with this rule (copied; NULL for none) in *ret. Creates the case if necessary. Resets an existing case to waiting, unless a job is
 * running for it. The list owns the case. Returns 0 or -ENOMEM. */
int rule_case_obtain(RuleCaseList *list, PciAddress address, const char *rule, RuleCase **ret);

/* Removes and frees the case of a device, if there is one. */
void rule_case_remove(RuleCaseList *list, PciAddress address);

/* Tells whether a case was added, removed or changed since the last call. */
bool rule_case_list_take_changed(RuleCaseList *list);

/* Sets status and message (copied; NULL for none). If there is no memory, the case has no message. */
void rule_case_set(RuleCase *rule_case, RuleStatus status, const char *message);
