/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

/* Limits the journal entries about calls that change nothing: a user who is refused a thousand times a second must not push
 * everything else out of the journal. Each user has a number of entries in a window of time. At the end of the window, one
 * entry tells how many were left out. Root has no limit. */

typedef struct LogQuotaLimits {
        uint64_t window_us;
        unsigned per_user; /* entries in a window, for each user but root */
} LogQuotaLimits;

extern const LogQuotaLimits log_quota_limits_default;

/* So many users have entries of their own in a window. All others share the entries of one user. */
#define LOG_QUOTA_USERS_MAX 16

/* The user of a caller that the bus does not know. */
#define LOG_QUOTA_UNKNOWN_USER ((uid_t)-1)

typedef struct LogQuota LogQuota;

/* Borrows the event loop. Returns 0 or -ENOMEM. */
int log_quota_new(sd_event *event, const LogQuotaLimits *limits, LogQuota **ret);

/* Ends the window. Returns NULL. */
LogQuota *log_quota_free(LogQuota *quota);
DEFINE_TRIVIAL_CLEANUP_FUNC(LogQuota *, log_quota_free)

/* Tells whether an entry about this user may be logged now, and counts it. */
bool log_quota_admit(LogQuota *quota, uid_t uid);
