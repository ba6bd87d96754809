/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include <sys/types.h>

/* How many processes may run for callers at a time, so that one user cannot take all of them, and all users together
 * cannot keep root out. */

typedef struct QuotaLimits {
        size_t total;
        size_t per_user; /* for each user but root */
        size_t for_root; /* of the total: nobody else gets these */
} QuotaLimits;

/* What is in use now. */
typedef struct QuotaUse {
        size_t all;
        size_t unprivileged; /* by users other than root */
        size_t own;          /* by the user who asks */
} QuotaUse;

/* Counts one that is in use by owner, for the user who asks. */
void quota_add(QuotaUse *use, uid_t owner, uid_t asker);

/* Whether the user may have one more. what: "plans", for the message. Returns 0 or LIMITS_EXCEEDED; or -ENOMEM. */
int quota_check(const QuotaLimits *limits, const QuotaUse *use, uid_t asker, const char *what, Problem *problem);
