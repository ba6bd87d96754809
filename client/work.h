/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "verbs.h"

/* Waits for a change that vfiod makes. If it takes long, a line on the terminal shows its progress. A first
 * interrupt (SIGINT) asks vfiod to undo the change; vfioctl still waits for the answer. After a second interrupt,
 * vfioctl does not wait any more. */

/* Asks vfiod for the change, "detach", "reattach", "reset" or "vfs", and waits for it. Gets the changes, which the caller
 * clears. Returns 0 if it is done; 1 if the user interrupted the waiting, after a message was printed; or a negative
 * errno with the error. */
int work_do(Invocation *invocation, const char *verb, EntryList *ret_changes, sd_bus_error *error);

/* Asks vfiod for a lease, and waits for it: vfiod may have to detach the group first. Gets the grant, which the caller
 * clears. Returns as work_do(). */
int work_lease(Invocation *invocation, Grant *ret_grant, sd_bus_error *error);
