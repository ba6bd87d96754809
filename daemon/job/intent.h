/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/journal.h"
#include "policy/plan.h"

/* Between plans and records: what is written down before a plan is carried out, and the plan that undoes what is written down. */

/* The record for a plan, still without the plan's own devices: the transaction adds those. It keeps what older records of the same devices say of others, and
 * takes their place: ret_superseded has their numbers, to be freed. Notes in the plan what they say of its own devices. Returns 0 or -ENOMEM. */
int intent_make_record(
                Journal *journal, Plan *plan, Record **ret, unsigned long **ret_superseded, size_t *ret_n_superseded);

/* The plan that gives back what a record says was left in between, as far as it is there, and of the devices of a plan only, unless that is NULL: what
 * the record keeps of others is not that plan's doing. Returns 0; -ENOENT where nothing was; -ENOMEM. */
int intent_undo_plan(const Inventory *inventory, const Record *record, const Plan *of, Plan **ret);
