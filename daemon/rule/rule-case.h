/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-keeper.h"

/* The devices that the rule keeper has to do with, and how far it is with each. */

typedef struct RuleCase {
        PciAddress address;
        RuleStatus status;
        char *rule;        /* name of the rule; NULL where vfiod had detached the device itself, and it has returned */
        char *message;     /* NULL for none */
        unsigned attempts; /* that failed */
        uint64_t incarnation; /* of the device that was looked at */
        uint64_t plugged_us;  /* CLOCK_MONOTONIC: when it was seen to come; 0 for one that was there */
        uint64_t retry_us;    /* CLOCK_MONOTONIC: when it is tried again at the earliest; 0 for as soon as it is free */
        bool fresh;           /* it was plugged in: what keeps it may be over in a moment */
        unsigned ticket;      /* of the job that is under way for it; 0 for none */
        bool changed;         /* status or message, since that was last asked */
        bool release;         /* it is not taken, so what keeps the host's driver from it is to be removed */
} RuleCase;

typedef struct RuleCaseList {
        RuleCase *cases; /* in the order of the addresses */
        size_t n_cases, n_allocated;
        bool changed; /* one was removed */
} RuleCaseList;

void rule_case_list_done(RuleCaseList *list);

/* NULL for none; the pointer holds until the next obtain or remove. */
RuleCase *rule_case_find(const RuleCaseList *list, PciAddress address);

/* The case of the device under that rule, waiting; a new one, or the one that was there begun anew unless a job is under way. Returns 0 or -ENOMEM. */
int rule_case_obtain(RuleCaseList *list, PciAddress address, const char *rule, RuleCase **ret);
void rule_case_remove(RuleCaseList *list, PciAddress address);

/* Whether any came, went or changed since this was last asked. */
bool rule_case_list_take_changed(RuleCaseList *list);

/* Where it stands now. The message is copied; without memory there is none. */
void rule_case_set(RuleCase *one, RuleStatus status, const char *message);
