/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/job.h"

/* Returns a device that the keeper refused to the host: clears the driver_override of the early rule and makes the kernel probe drivers. */

/* Tells whether the device can be returned now. udev may evaluate its rules after the keeper has refused the device, and would then set driver_override again. So this is true
 * only after udev has evaluated its rules for the device, or after a timeout. plugged_us is the time when the device was plugged in, or 0 if it existed before; now_us is the
 * current time (both CLOCK_MONOTONIC, microseconds). udev_database may be NULL, see udev_database_has(). */
bool rule_release_is_due(const char *udev_database, PciAddress address, uint64_t plugged_us, uint64_t now_us);

/* Interval for calls of rule_release_is_due(), in microseconds. */
#define RULE_RELEASE_POLL_US UINT64_C(100000)

/* Starts the job. hotplugged: the device was plugged in just now. Returns as job_start() does, or -ENOMEM. */
int rule_release_start(JobTable *jobs, const Device *device, bool hotplugged, Problem *problem);
