/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-handler.h"

/* Calls with the option "dry-run": a worker examines the host as for the same call without it, the same code decides, and
 * nothing is changed. */

/* Refuses if the caller has too many plans. To be called before vfiod does any work. Returns 0, LIMITS_EXCEEDED or -ENOMEM. */
int dry_run_check_quota(const Service *service, const Caller *caller, Problem *problem);

/* Examines the host. Then the call gets the reply, which is its success; or the error with which the plan would be refused.
 * Without a plan, it gets the reply at once. Takes the plan over. Returns 0; an outcome of job_check() or of job_start(); or a
 * negative errno. */
int dry_run_start(Service *service, sd_bus_message *call, sd_bus_message *reply, const Caller *caller,
                const Request *request, Plan *plan, Problem *problem);
