/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/work.h"

/* Which vfio driver a device gets: the one that the caller named; otherwise the variant driver that is made for the device
 * (kernel/variant.h); otherwise vfio-pci. The spelling of a driver's name is known only when its module is loaded. Before,
 * the name of the module stands for it. */

/* Sets the targets of all members that get a vfio driver. Loads nothing. A variant driver that certainly cannot be loaded
 * is not chosen, and a warning in the plan says so. work_open() comes before. Returns 0; DRIVER_UNAVAILABLE if the caller
 * named a driver that the kernel does not have; or -ENOMEM. */
int vfio_driver_choose(const Work *work, Problem *problem);

/* Loads the drivers of these members, and sets their targets again, with the true names. Members whose variant driver
 * cannot be loaded get vfio-pci, with a warning in the plan. Returns 0; DRIVER_UNAVAILABLE for a driver that the caller
 * named, and for vfio-pci; or -ENOMEM. */
int vfio_driver_load(const Work *work, Problem *problem);
