/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-release.h"
#include "kernel/uevents.h"

/* udev has evaluated its rules by then, or does not run. */
#define PATIENCE_US UINT64_C(10000000)

/* udev may have processed the event this much earlier than vfiod. */
#define AHEAD_US UINT64_C(3000000)

bool rule_release_is_due(const char *udev_database, PciAddress address, uint64_t plugged_us, uint64_t now_us) {
        return now_us > plugged_us + PATIENCE_US ||
                        udev_database_has(udev_database, address, plugged_us > AHEAD_US ? plugged_us - AHEAD_US : 0);
}

int rule_release_start(JobTable *jobs, const Device *device, bool hotplugged, Problem *problem) {
        Plan *plan;

        int r = plan_release(device, hotplugged, &plan);
        return r < 0 ? r : job_start(jobs, plan, "rule clean-up", NULL, NULL, problem);
}
