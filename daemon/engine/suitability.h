/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* Checks whether the vfio driver can take the members that the plan gives to it. Reads the configuration space,
 * which wakes a suspended device and may block. Returns 0; DRIVER_UNAVAILABLE for a device that vfio-pci refuses;
 * NOT_ANSWERING for a dead card; or -ENOMEM. */
int suitability_check(const Work *work, Problem *problem);
