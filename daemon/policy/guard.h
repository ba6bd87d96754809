/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "usage/usage.h"

/* Guards keep a device with the host. Each finding of a guard has its evidence. A finding refuses the detach, unless
 * the caller overrides the guard by name. */

typedef enum Guard {
        GUARD_STORAGE,           /* the host uses a disk of it */
        GUARD_NETWORK,           /* the host uses a network interface of it */
        GUARD_DISPLAY,           /* it shows the host's screen */
        GUARD_CONSOLE,           /* it has a console of the kernel, or the last keyboard of the host */
        GUARD_MEMORY,            /* the host uses its CXL memory as RAM */
        GUARD_PROCESS,           /* a process has a device node of it open */
        GUARD_VIRTUAL_FUNCTIONS, /* its virtual functions or mediated devices would vanish, and are in use */
        GUARD_FIRMWARE,          /* the firmware reserved memory for it: the kernel does not give it to a guest */
        GUARD_UNSAFE_INTERRUPTS, /* of a lease: the lessee could send interrupts to the host */
        GUARD_NO_RESET, /* of a lease: the device cannot be reset, so the next user meets the state of the last one */
        _GUARD_MAX,
        _GUARD_INVALID = -EINVAL,
} Guard;

/* The error of an operation that the guard refuses. */
Outcome guard_outcome(Guard guard);

/* "storage", "network", "display", "console", "memory", "process", "virtual-functions", "firmware",
 * "unsafe-interrupts", "no-reset" */
const char *guard_to_string(Guard guard);
Guard guard_from_string(const char *text);

/* Writes the names of the guards in a mask of 1 << Guard, with the separator between them, and returns buffer. */
#define GUARD_LIST_MAX 128
const char *guard_list_format(unsigned mask, char separator, char buffer[static GUARD_LIST_MAX]);

/* The guard for a kind of use. */
Guard guard_of_usage(UsageKind kind);

typedef struct Finding {
        Guard guard;
        PciAddress address;
        char *evidence;    /* owned */
        unsigned n_folded; /* 0; or this finding stands for so many others, and the evidence says "and 241 more" */
        pid_t pid;         /* the process that the finding is about; 0 for none, or if the reader may not know it */
        char *command;     /* of this process, escaped (base/text.h), owned; NULL if pid is 0 */
        char *unit;        /* the same; "" for none */
} Finding;

typedef struct FindingList {
        Finding *findings;
        size_t n_findings;
} FindingList;

/* Limits of a list: findings of one guard about one device, and all findings. Further findings are only counted: in one
 * more finding that says "and 241 more", or "and 241 more, some of them on other devices". */
#define FINDINGS_PER_DEVICE_MAX 8
#define FINDINGS_MAX 1024

/* Adds a copy, within these limits. Returns 0 or -ENOMEM. */
int finding_list_add(FindingList *list, Guard guard, PciAddress address, const char *evidence);

/* The same for a finding about a process. holder may be NULL, or concealed (usage/holders.h). */
int finding_list_add_process(
                FindingList *list, Guard guard, PciAddress address, const char *evidence, const Holder *holder);

/* Adds a copy of a finding that finding_list_add() made for another list. Returns 0; -E2BIG if the list has more
 * findings than finding_list_add() makes; -ENOMEM. */
int finding_list_append(FindingList *list, const Finding *finding);
int finding_list_copy(const FindingList *list, FindingList *ret);
void finding_list_done(FindingList *list);

/* Writes the findings whose guards are not overridden into *ret, followed by the command with the option that overrides
 * them. overrides is a mask of 1 << Guard. After max findings, only the number of the others follows, and the text
 * rest. *ret_first becomes the guard of the first finding. Returns 1; 0 if all guards are overridden; or -ENOMEM. The
 * caller frees *ret. */
int finding_list_describe(const FindingList *list, unsigned overrides, size_t max, const char *rest,
                const char *command, Guard *ret_first, char **ret);

/* The max for guard_decide(). */
#define FINDINGS_TOLD_MAX 16

/* Decides whether a detach of the selected device may go on. Returns 0; the outcome of the first guard that refuses,
 * with the evidence and the command that overrides it; or -ENOMEM. */
int guard_decide(const FindingList *list, unsigned overrides, PciAddress selected, Problem *problem);
