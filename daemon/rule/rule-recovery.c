/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-recovery.h"
#include "base/log.h"

static void on_recovered(int error, void *userdata) {
        RuleKeeper *keeper = userdata;

        /* The keeper is freed already. */
        if (error == -ECANCELED)
                return;
        keeper->recovering = false;
        keeper->needs_reload = error >= 0;
        if (error < 0) /* The former rules apply. */
                log_error_errno(error, "Cannot end an interrupted change of rules");
}

void rule_recovery_start(RuleKeeper *keeper) {
        if (!keeper->book->is_being_changed || keeper->recovering || !keeper->parts.port)
                return;
        int r = worker_request(keeper->parts.event, keeper->parts.port, "RecoverRules", on_recovered, keeper, "");
        if (r < 0)
                log_error_errno(r, "Cannot end an interrupted change of rules");
        keeper->recovering = r >= 0;
}
