/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/boot-list.h"
#include "rule/rule-plan.h"

/* The daemon's side of the boot file (boot-list.h): which devices are in it, and which devices it put on a vfio driver.
 *
 * A device gets into the file when a rule has detached it. It leaves the file when no rule matches it any more, when its
 * rule is refused, and when somebody reattaches it. A device that is not present stays while its rule does. */

typedef struct BootKeeper BootKeeper;

/* Reads the file. Copies its path. The event and the port are borrowed. The caller frees *ret with boot_keeper_free().
 * Returns 0 or -ENOMEM; a file that cannot be read is logged, and counts as empty. */
int boot_keeper_new(sd_event *event, WorkerPort *port, const char *file, BootKeeper **ret);
BootKeeper *boot_keeper_free(BootKeeper *boot);

/* Tells whether the file names this card at this place. boot may be NULL. */
bool boot_keeper_has(const BootKeeper *boot, const Device *device);

/* Tells whether udev has put the device on a vfio driver for a line of the file, and vfiod does not know it yet. boot may
 * be NULL. */
bool boot_keeper_took(const BootKeeper *boot, const Device *device);

/* Compares the file with the cases of the rules, and asks the worker to write it if necessary. All devices must have been
 * evaluated. One request runs at a time; another one follows if the list has changed meanwhile. again: also if the worker
 * got the same list before. */
void boot_keeper_update(RuleKeeper *keeper, bool again);
