/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/device-file.h"
#include "state/lease-file.h"
#include "state/revert-file.h"
#include "state/transaction-file.h"

/* The state folder, /run/vfiod: what vfiod remembers of the devices that it detached. Only workers write the files; the
 * daemon reads them at its start and after each job. The daemon reports a file that is not ours, too large or
 * incomplete once, and ignores it. Such a file prevents nothing else. */

/* A transaction that has not ended. */
typedef struct StateTransaction {
        unsigned long number;
        pid_t owner; /* the worker that carries it out; 0 if this worker died */
        Plan *plan;
} StateTransaction;

typedef struct State {
        int folder_fd, devices_fd, transactions_fd, leases_fd,
                        reverts_fd; /* all -EBADF for a folder that cannot be used: then no job can start */
        DeviceFile *devices;        /* in the order of the addresses */
        size_t n_devices;
        StateTransaction *transactions; /* in the order of the numbers */
        size_t n_transactions;
        size_t files_max;       /* so many files of each kind are read */
        bool has_too_many;      /* there were more, and this was reported */
        uint64_t reported[256]; /* inode numbers of the files that were reported, not more than these */
        size_t n_reported;
        /* Removes the files of devices for a process that may not write to the folder. Returns 0 or a negative errno.
         * NULL: this process removes them. */
        int (*remove)(void *userdata, const PciAddress *addresses, size_t n_addresses);
        void *remove_userdata;
} State;

/* Opens the folder and reads all files. A writer, which is vfiod-worker, also makes what is missing in the folder,
 * and removes files that were not written completely. Logs it if the folder cannot be used. Returns 0 or -ENOMEM. */
int state_new(const char *folder, bool writer, State **ret);
State *state_free(State *state);
DEFINE_TRIVIAL_CLEANUP_FUNC(State *, state_free)

/* Tells whether a writer must open the folder before a reader: something in it is missing, incomplete, or of an earlier
 * version of vfiod. */
bool state_needs_writer(const char *folder);

/* Reads all files again. Returns 0; or a negative errno, and then the state has the files that were read before. */
int state_load(State *state);

/* Logs once for each file that it is ignored, and why: an error that state_file_describe_error() explains. After 256 files, it logs
 * only that there may be more. */
void state_report(State *state, int folder_fd, const char *name, int error);

/* Returns the file of a device, or the transaction that changes it; NULL for none. */
const DeviceFile *state_find(const State *state, PciAddress address);
const StateTransaction *state_find_transaction_of(const State *state, PciAddress address);

/* Returns the transaction of that number, or NULL. */
const StateTransaction *state_find_transaction(const State *state, unsigned long number);

/* Gives each device of the inventory that is away its origin. Returns 0 or -ENOMEM. */
int state_apply(const State *state, Inventory *inventory);

/* Removes the files of devices for which vfiod has nothing left to do: another tool bound the device to a driver of the
 * host, which clears our driver_override; or the device is a VF that will not come back. Keeps the files of devices
 * that a job changes. Returns 0 or a negative errno. */
int state_forget_unneeded(State *state, Inventory *inventory);
