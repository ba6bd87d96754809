/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/inventory.h"
#include <systemd/sd-event.h>

/* The timer for the drivers that scan.h has to read again. Nothing wakes up the daemon when all drivers are confirmed. */

typedef struct DriverCheck DriverCheck;

/* The event loop, the kernel and the inventory are borrowed and outlive it. The timer runs at this priority of the loop. Returns 0 or a negative errno. */
int driver_check_new(sd_event *event, const Kernel *kernel, Inventory *inventory, int64_t priority, DriverCheck **ret);
DriverCheck *driver_check_free(DriverCheck *check);
DEFINE_TRIVIAL_CLEANUP_FUNC(DriverCheck *, driver_check_free)

/* Sets the timer for the next reading that is due. To be called when devices may have been read, at the end of each turn of the loop. Returns 0 or a
 * negative errno. */
int driver_check_arm(DriverCheck *check);
