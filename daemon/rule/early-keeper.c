/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/early-keeper.h"
#include "base/log.h"

static void on_early_rules(int error, void *userdata) {
        (void)userdata;
        if (error < 0 && error != -ECANCELED)
                log_warning("Cannot write the rules for udev, so a host driver may bind to a device for a moment "
                            "before its rule is applied: %s",
                                error == -ENODEV ? "there is no driver " PLAN_VFIO_DRIVER : strerror(-error));
}

void early_keeper_write(RuleKeeper *keeper) {
        bool wanted = early_rules_exist(keeper->book);

        if (!keeper->early_rules || (!wanted && !keeper->has_early_rules && access(keeper->early_rules, F_OK) < 0))
                return;
        keeper->has_early_rules = wanted;
        int r = worker_request(keeper->parts.event, keeper->parts.port, "SetEarlyRules", on_early_rules, NULL, "b", 1);
        if (r < 0)
                on_early_rules(r, NULL);
}
