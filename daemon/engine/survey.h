/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/report.h"
#include "engine/work.h"

/* The deadline of a survey. A host with a million open files takes a few seconds. The daemon waits longer for the first
 * step (job/job.h), so it gets the result of a survey that was too slow. */
#define SURVEY_US (20 * UINT64_C(1000000))

/* Finds out what of the host uses the devices of a plan, right before the plan is applied, or for a plan that is only
 * shown. Writes nothing. Fills findings and fingerprint, a number for everything that the decision depends on.
 * What could not be examined until the deadline is a finding, as everything that cannot be determined.
 * work_open() comes before, but not for the survey of all groups (plan_survey()). Returns 0, FAILED or -ENOMEM. */
int survey(Work *work, Report *report, Problem *problem);

/* Makes sure, right before the first write, that no mediated device was made after survey() had listed the devices below the
 * members. Returns 0, also if the caller has overridden the guard for them; FAILED; or -ENOMEM. */
int survey_check_mediated(const Work *work, Problem *problem);

/* For a plan that is only shown: refuses if a process holds a VF that would vanish, as the lock of its group does when the plan
 * is applied. Returns 0; HELD; FAILED if the processes are not known; or -ENOMEM. */
int survey_check_unheld(const Work *work, Problem *problem);

/* Adds the virtual machine that has the group or one of its devices to the findings, after a reattach was refused because of it.
 * Returns 0 or -ENOMEM. */
int survey_add_holder(const Work *work, Report *report);
