/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/report.h"
#include "engine/work.h"

/* Finds out what of the host uses the devices of a plan, right before the plan is applied, or for a plan that is only
 * shown. Writes nothing. Fills findings and fingerprint, a number for everything that the decision depends on.
 * work_open() comes before. Returns 0, FAILED or -ENOMEM. */
int survey(const Work *work, Report *report, Problem *problem);
