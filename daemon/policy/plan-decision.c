/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/plan-decision.h"
#include "policy/vf-plan.h"

int plan_decide(const Plan *plan, const FindingList *findings, uint64_t fingerprint, Problem *problem) {
        if (plan->fingerprint != 0 && plan->fingerprint != fingerprint)
                return problem_set(problem, OUTCOME_PLAN_STALE,
                                "The devices, drivers or guards have changed since the plan for %s was made. Nothing "
                                "was "
                                "changed. Make a new plan.",
                                PCI_ADDRESS_TEXT(plan->selected));
        switch (plan->verb) {
        case PLAN_DETACH:
                return guard_decide(findings, plan->overrides, plan->selected, problem);
        case PLAN_SET_VFS:
                return vf_plan_decide(plan, findings, problem);
        default:
                /* A reattach and a reset have no guards. They can find only a virtual machine, and the lock of the node decides
                 * without a race. */
                return 0;
        }
}
