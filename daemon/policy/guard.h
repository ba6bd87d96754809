/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "usage/usage.h"

/* Reasons not to take a device from the host, and what shows each. A finding refuses the detach, unless its guard is overridden by name. */

typedef enum Guard {
        GUARD_STORAGE,           /* the host uses a disk of it */
        GUARD_NETWORK,           /* the host uses a network interface of it */
        GUARD_DISPLAY,           /* it shows the host's screen */
        GUARD_PROCESS,           /* a process has a device node of it open */
        GUARD_VIRTUAL_FUNCTIONS, /* its virtual functions would vanish, and are in use */
        GUARD_FIRMWARE,          /* the firmware reserved memory for it: the kernel will not give it to a guest */
        _GUARD_MAX,
        _GUARD_INVALID = -EINVAL,
} Guard;

/* "storage", "network", "display", "process", "virtual-functions", "firmware" */
const char *guard_to_string(Guard guard);
Guard guard_from_string(const char *text);

/* Which guard watches a kind of use. */
Guard guard_of_usage(UsageKind kind);

typedef struct Finding {
        Guard guard;
        PciAddress address;
        char *evidence; /* owned */
} Finding;

typedef struct FindingList {
        Finding *findings;
        size_t n_findings;
} FindingList;

/* Adds a copy. Returns 0; -E2BIG for more than a person would read; -ENOMEM. */
#define FINDINGS_MAX 256
int finding_list_add(FindingList *list, Guard guard, PciAddress address, const char *evidence);
int finding_list_copy(const FindingList *list, FindingList *ret);
void finding_list_done(FindingList *list);

/* Decides over what was found; overrides is a mask of 1 << Guard. Returns 0, or the outcome of the first guard that refuses, with all
 * that was found, and what would override it, in the message; or -ENOMEM. */
int guard_decide(const FindingList *list, unsigned overrides, PciAddress selected, Problem *problem);
