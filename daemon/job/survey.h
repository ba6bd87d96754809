/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/subject.h"
#include "job/transaction.h"

/* The survey: what of the host uses the devices now, and a number (the fingerprint) for all that the decision rests on. It is the last step before a plan is carried
 * out, and the only one of a plan that is only made. Writes nothing. */

/* Fills findings and fingerprint of the report. The subjects are open and in the order of the plan's members. Returns 0; FAILED where the uses cannot be
 * determined; -ENOMEM. */
int survey(const Kernel *kernel, const Plan *plan, const Subject *subjects, TransactionReport *report,
                Problem *problem);
