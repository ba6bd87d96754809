/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include <sys/types.h>

/* Limits for processes that run for callers: one user cannot use all of them, and some are reserved for root. */

typedef struct QuotaLimits {
        size_t total;
        size_t per_user; /* for each user but root */
        size_t for_root; /* of the total: reserved for root */
} QuotaLimits;

/* What is in use now. */
typedef struct QuotaUse {
        size_t all;
        size_t unprivileged; /* by users other than root */
        size_t own;          /* by the user who asks */
} QuotaUse;

/* Counts a process that runs for the owner, on behalf of a check for the asker. */
void quota_add(QuotaUse *use, uid_t owner, uid_t asker);

/* Checks whether the asker may start one more process. what: for the message, for example "plans". Returns 0;
 * LIMITS_EXCEEDED; or -ENOMEM. */
int quota_check(const QuotaLimits *limits, const QuotaUse *use, uid_t asker, const char *what, Problem *problem);
