/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/quota.h"

void quota_add(QuotaUse *use, uid_t owner, uid_t asker) {
        use->all++;
        use->unprivileged += owner != 0;
        use->own += owner == asker;
}

int quota_check(const QuotaLimits *limits, const QuotaUse *use, uid_t asker, const char *what, Problem *problem) {
        if (asker != 0 && use->own >= limits->per_user)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "User %u already has %zu running %s, which is the maximum: try again when one is done.",
                                (unsigned)asker, use->own, what);
        if (use->all >= limits->total || (asker != 0 && use->unprivileged + limits->for_root >= limits->total))
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "%zu %s are already running%s: try again when one is done.", use->all, what,
                                asker != 0 ? ", and the rest is reserved for root" : "");
        return 0;
}
