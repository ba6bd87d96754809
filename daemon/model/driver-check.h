/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"
#include <systemd/sd-event.h>

/* The timer for driver links that must be read again, see scan_device(). While all drivers are confirmed, the timer
 * is off. */

typedef struct DriverCheck DriverCheck;

/* The event loop, the kernel and the inventory are borrowed and outlive it. The timer runs at this priority of the
 * loop. Returns 0 or a negative errno. */
int driver_check_new(sd_event *event, const Kernel *kernel, Inventory *inventory, int64_t priority, DriverCheck **ret);
DriverCheck *driver_check_free(DriverCheck *check);
DEFINE_TRIVIAL_CLEANUP_FUNC(DriverCheck *, driver_check_free)

/* Sets the timer for the next reading. Call it at the end of each turn of the loop, because devices may have been
 * read. Returns 0 or a negative errno. */
int driver_check_arm(DriverCheck *check);
