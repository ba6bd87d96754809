/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "usage/usage.h"

/* Reasons not to take a device from the host, with the evidence for each. A finding refuses the detach, unless its guard is overridden by name. */

typedef enum Guard {
        GUARD_STORAGE,           /* the host uses a disk of it */
        GUARD_NETWORK,           /* the host uses a network interface of it */
        GUARD_DISPLAY,           /* it shows the host's screen */
        GUARD_PROCESS,           /* a process has a device node of it open */
        GUARD_VIRTUAL_FUNCTIONS, /* its virtual functions would vanish, and are in use */
        GUARD_FIRMWARE,          /* the firmware reserved memory for it: the kernel does not give it to a guest */
        _GUARD_MAX,
        _GUARD_INVALID = -EINVAL,
} Guard;

/* "storage", "network", "display", "process", "virtual-functions", "firmware" */
const char *guard_to_string(Guard guard);
Guard guard_from_string(const char *text);

/* The guard for a kind of use. */
Guard guard_of_usage(UsageKind kind);

typedef struct Finding {
        Guard guard;
        PciAddress address;
        char *evidence;    /* owned */
        unsigned n_folded; /* 0; or this finding stands for so many, and the evidence says "and 241 more" */
} Finding;

typedef struct FindingList {
        Finding *findings;
        size_t n_findings;
} FindingList;

/* Findings of one guard about one device that are kept with their evidence. Further ones are counted in one more finding, which says "and 241 more". */
#define FINDINGS_PER_DEVICE_MAX 8

/* Findings in a list. Beyond it, those of a guard about further devices are counted in one more finding, which says "and 241 more on other devices". */
#define FINDINGS_MAX 1024

/* Adds a copy, folded as above. Returns 0 or -ENOMEM. */
int finding_list_add(FindingList *list, Guard guard, PciAddress address, const char *evidence);

/* Adds a copy of a finding of another list as it is. Returns 0; -E2BIG where the list has more than finding_list_add() makes; -ENOMEM. */
int finding_list_append(FindingList *list, const Finding *finding);
int finding_list_copy(const FindingList *list, FindingList *ret);
void finding_list_done(FindingList *list);

/* Findings whose evidence is in the message of guard_decide(). */
#define FINDINGS_TOLD_MAX 16

/* Decides over the findings. overrides is a mask of 1 << Guard. Returns 0; the outcome of the first guard that refuses, with a message that has the
 * evidence and the command that would override it; or -ENOMEM. */
int guard_decide(const FindingList *list, unsigned overrides, PciAddress selected, Problem *problem);
