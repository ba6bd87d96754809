/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state-folder.h"

/* The state folder, /run/vfiod: the daemon's memory of what it detached. Workers write the files; the daemon reads them at its
 * start and after each job. A file that is not ours, too large or incomplete is reported once and left alone: it keeps nothing
 * from working. */

/* Opens the folder, makes what is missing in it, takes over what the first edition of vfiod left there, and reads all files.
 * Returns 0, or -ENOMEM. */
int state_new(const char *folder, State **ret);
State *state_free(State *state);
DEFINE_TRIVIAL_CLEANUP_FUNC(State *, state_free)

/* Reads all files again. Returns 0 or a negative errno. */
int state_load(State *state);

/* The file of a device, or the transaction that changes it; NULL for none. */
const DeviceFile *state_find(const State *state, PciAddress address);
const StateTransaction *state_find_transaction_of(const State *state, PciAddress address);

/* Gives up the transactions that change one of the plan's members and that no worker carries out: the new plan decides what
 * becomes of the devices. Returns 0 or a negative errno. */
int state_drop_transactions(State *state, const Plan *plan);

/* The transaction of that number, NULL for none. */
const StateTransaction *state_find_transaction(const State *state, unsigned long number);

/* Tells the inventory of each device that is away how it was before. Returns 0 or -ENOMEM. */
int state_apply(const State *state, Inventory *inventory);

/* Forgets devices to which vfiod owes nothing any more: those that another tool bound to a driver of the host, which clears our
 * driver_override; and VFs that are gone for good. Devices that a job changes stay. Returns 0 or a negative errno. */
int state_forget_settled(State *state, Inventory *inventory);
