/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/subject.h"
#include "job/transaction.h"

/* The last look before a plan is carried out, and all of a plan that is only made: what of the host uses the devices now, and one number for all
 * that the decision rests on. Writes nothing. */

/* Fills findings and fingerprint; the subjects are open and stand in the order of the plan's members. Returns 0; FAILED; or -ENOMEM. */
int survey(const Kernel *kernel, const Plan *plan, const Subject *subjects, TransactionReport *report,
                Problem *problem);
