/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* Decides whether a plan may be carried out, after the host was examined. findings are those of the report, and fingerprint is
 * that of the plan as it is now. Returns 0; PLAN_STALE if the caller saw another plan; the outcome of guard_decide() or of
 * vf_plan_decide(); or -ENOMEM. */
int plan_decide(const Plan *plan, const FindingList *findings, uint64_t fingerprint, Problem *problem);
