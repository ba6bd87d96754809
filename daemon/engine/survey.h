/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/report.h"
#include "engine/work.h"

/* Examines what of the host uses the devices of a plan, right before it is carried out, or for a plan that is only shown. Writes
 * nothing. Fills findings and fingerprint: one number for all that the decision rests on. The work is open. Returns 0; FAILED;
 * or -ENOMEM. */
int survey(const Work *work, Report *report, Problem *problem);
