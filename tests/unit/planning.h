/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model.h"
#include "policy/plan.h"

/* Plans for an inventory that the test built, and their contents as text. */

/* Plans to detach or reattach, with consent to the whole group and with the IOMMU on. Fails the test if there is no
 * plan. */
Plan *make_detach_plan(Inventory *inventory, const char *selector, unsigned overrides);
Plan *make_reattach_plan(Inventory *inventory, const char *selector, const ReattachOptions *options);

/* The same for a plan that may be refused. Returns the outcome; the problem says why. */
int try_detach(Inventory *inventory, const char *selector, const DetachOptions *options, const IommuReport *iommu,
                Plan **ret, Problem *problem);
int try_reattach(Inventory *inventory, const char *selector, const ReattachOptions *options, Plan **ret,
                Problem *problem);

/* "set-vfs 0000:07:00.0=2, probe #3": the steps with their members. A member that a step creates has no address yet,
 * so its index is used; "=host" means AUTOPROBE_OF_HOST. The caller frees it. */
char *plan_steps_to_text(const Plan *plan);
void assert_steps(const Plan *plan, const char *expected);

/* "0000:07:00.0 0000:07:10.0<0": the members; after "<" the index of the parent. The caller frees it. */
char *plan_members_to_text(const Plan *plan);
void assert_members(const Plan *plan, const char *expected);

/* "virtual-functions 0000:07:00.0: evidence; ..." */
void assert_findings(const Plan *plan, const char *expected);
