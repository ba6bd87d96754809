/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-driver.h"
#include "base/log.h"
#include "engine/driver.h"
#include "policy/plan.h"

const char *rule_driver(const Kernel *kernel, const Rule *rule, char buffer[static DRIVER_NAME_MAX]) {
        _cleanup_problem_ Problem problem = {};

        if (!rule->driver)
                return PLAN_VFIO_DRIVER;
        if (driver_ensure_vfio(kernel, rule->driver, buffer, &problem) == 0)
                return buffer;
        /* The rule will be refused for the same reason, and then vfiod clears driver_override. */
        log_warning("Rule %s: %s", rule->name, strempty(problem.message));
        return rule->driver;
}
