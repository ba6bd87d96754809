/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* How much of the host a survey reads. An ordinary user can start many processes, open many descriptors and, in a
 * user namespace, make many mounts. So a survey first reads what belongs to root, up to a limit that no real host
 * reaches. Then it reads what belongs to other users, up to a limit that it reaches in about a second. What is
 * beyond a limit cannot be determined: see holders.h and mounts.h. The same is true for what is not read in time. */

typedef struct UsageLimits {
        size_t processes;             /* that are listed: 40 bytes of memory each */
        size_t descriptors_of_root;   /* open files of root's processes, all together */
        size_t descriptors_of_others; /* open files of all other processes together */
        size_t mounts_of_host;        /* lines of mountinfo, in the namespaces of the host's user namespace */
        size_t mounts_of_others;      /* lines of mountinfo in other user namespaces */
        uint64_t end_us;              /* CLOCK_MONOTONIC: nothing is read after this time; 0 for no end */
} UsageLimits;

static const UsageLimits usage_limits = {
                .processes = 1000000,
                .descriptors_of_root = 2000000,
                .descriptors_of_others = 200000,
                .mounts_of_host = 2000000,
                .mounts_of_others = 100000,
};

/* Returns 0, or -ETIME after the end. */
static inline int usage_limits_check_time(const UsageLimits *limits) {
        return limits->end_us != 0 && clock_us(CLOCK_MONOTONIC) >= limits->end_us ? -ETIME : 0;
}
