/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model.h"
#include "policy/plan.h"

/* Plans over an inventory that was made by hand, and what is in them as text. */

/* Plans to detach or reattach, with the consent of the whole group and the IOMMU on. Ends the test where there is no plan. */
Plan *make_detach_plan(Inventory *inventory, const char *selector, unsigned overrides);
Plan *make_reattach_plan(Inventory *inventory, const char *selector, const ReattachOptions *options);

/* The same where the plan may be refused. Returns the outcome; the problem tells why. */
int try_detach(Inventory *inventory, const char *selector, const DetachOptions *options, const IommuReport *iommu,
                Plan **ret, Problem *problem);
int try_reattach(Inventory *inventory, const char *selector, const ReattachOptions *options, Plan **ret,
                Problem *problem);

/* "set-vfs 0000:07:00.0=2, probe #3": the steps with their members. A member that a step creates has no address yet, so its
 * index stands there; "=host" stands for AUTOPROBE_OF_HOST. To be freed. */
char *plan_steps_to_text(const Plan *plan);
void assert_steps(const Plan *plan, const char *expected);

/* "0000:07:00.0 0000:07:10.0<0": the members; after "<" the index of the parent. To be freed. */
char *plan_members_to_text(const Plan *plan);
void assert_members(const Plan *plan, const char *expected);

/* "virtual-functions 0000:07:00.0: evidence; ..." */
void assert_findings(const Plan *plan, const char *expected);
