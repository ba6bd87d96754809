/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-release.h"
#include "kernel/udev-database.h"

/* udev has evaluated its rules by then, or does not run. */
#define PATIENCE_US UINT64_C(10000000)

/* udev may have processed the event this much earlier than vfiod. */
#define AHEAD_US UINT64_C(3000000)

bool rule_release_is_due(const char *udev_database, PciAddress address, uint64_t plugged_us, uint64_t now_us) {
        return now_us > plugged_us + PATIENCE_US ||
                        udev_database_has(udev_database, address, plugged_us > AHEAD_US ? plugged_us - AHEAD_US : 0);
}

int rule_release_start(JobTable *jobs, const Device *device, bool hotplugged, Problem *problem) {
        PlanMember member = {.address = device->address, .ids = device->ids, .newcomer = hotplugged};
        Plan *plan;

        member.origin = calloc(1, sizeof(DeviceOrigin));
        if (!member.origin)
                return -ENOMEM;
        member.origin->ids = device->ids;
        member.origin->any_driver = true;
        int r = plan_restore(device->group ? device->group->number : IOMMU_GROUP_NONE, &member, 1, &plan);
        plan_member_done(&member);
        if (r < 0)
                return r;
        plan->by_rule = true;
        return job_start(jobs, plan, "rule clean-up", NULL, NULL, problem);
}
