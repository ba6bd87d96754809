/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"

/* Gives a device that is not taken to the host: the override that our early rule put on it is removed, and the kernel finds it a driver. */

/* udev may come to the device when it is refused already: until its rules have run, or would have, nothing is to be removed. Whether that is over for
 * a device that was plugged in then (CLOCK_MONOTONIC; 0 for one that was there before). */
bool rule_release_is_due(const char *udev_database, PciAddress address, uint64_t plugged_us, uint64_t now_us);

/* So often is that looked at. */
#define RULE_RELEASE_LOOK_US UINT64_C(100000)

/* Returns as job_start() does. */
int rule_release_start(JobTable *jobs, const Device *device, bool appeared, Problem *problem);
